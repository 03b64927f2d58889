(** Near misses of the claims of chapters 1 to 4: a hypothesis dropped, a constant changed, strict for weak. Each is
    stated as a claim is, and its negation is proved: so the claims are not true for a trivial reason. *)
From Coq Require Import Reals Lra Psatz.
From mathcomp Require Import ssreflect ssrfun ssrbool eqtype ssrnat seq choice fintype bigop path finset fingraph.
From Formal Require Import definitions sums softplus blocks claims ch1_rlhf ch2_equivalence ch3_cuts ch3_corollaries.
From Formal Require Import ch4_thresholds.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Open Scope R_scope.

Notation uniform := (fun _ : bool => / 2).
Notation tf := (isT : true != false).

Lemma prize_gap : prize true - prize false = 1. Proof. by rewrite /prize; lra. Qed.
Lemma uniform_delta : delta uniform true false = 0. Proof. by rewrite /delta; lra. Qed.

(** * Chapter 1 *)

(** J falls by twice the divergence from pi_star. *)
Definition twice_the_divergence : Prop := forall (T : finType) (ref r : T -> R) beta p,
  full ref -> 0 < beta -> policy p -> J ref r beta p = V ref r beta - 2 * beta * KL p (pi_star ref r beta).

Theorem twice_the_divergence_refuted : ~ twice_the_divergence.
Proof.
move=> /(_ _ uniform prize 1 uniform uniform_full Rlt_0_1 (full_policy uniform_full)).
rewrite (J_is_V_less_KL _ uniform_full Rlt_0_1 (full_policy uniform_full)) => e.
have same : uniform = pi_star uniform prize 1.
  by apply: (KL_eq0 (full_policy uniform_full) (star_full prize 1 uniform_full)); lra.
have := delta_star prize 1 uniform_full true false.
by rewrite -same prize_gap uniform_delta; lra.
Qed.

(** A reward and its double have the same optimum. *)
Definition scale_of_reward : Prop := forall (T : finType) (ref r : T -> R) beta,
  full ref -> 0 < beta -> pi_star ref (fun y => r y + r y) beta = pi_star ref r beta.

Theorem scale_of_reward_refuted : ~ scale_of_reward.
Proof.
move=> /(_ _ uniform prize 1 uniform_full Rlt_0_1) e.
have := delta_star (fun y => prize y + prize y) 1 uniform_full true false.
by rewrite e (delta_star prize 1 uniform_full) /prize; lra.
Qed.

(** Assumption 3.1, weak on the left. *)
Definition assumption_3_1_weak : Prop := forall (T : finType) (ref r : T -> R) beta w l,
  full ref -> 0 < beta ->
  (pi_star ref r beta w >= pi_star ref r beta l <-> delta ref w l > - (r w - r l) / beta).

Theorem assumption_3_1_weak_refuted : ~ assumption_3_1_weak.
Proof.
move=> /(_ _ uniform (fun=> 0) 1 true false uniform_full Rlt_0_1) [claim _].
by have := claim (Rge_refl _); rewrite uniform_delta; lra.
Qed.

(** U is non-empty already for a reference that ties the pair. *)
Definition def_3_3_weak : Prop := forall (T : finType) (ref : T -> R) w l,
  full ref -> w != l -> ((exists p, U ref w l p) <-> delta ref w l <= 0).

Theorem def_3_3_weak_refuted : ~ def_3_3_weak.
Proof.
move=> /(_ _ uniform true false uniform_full tf) [_ claim].
by have [|p [_ [lt neg]]] := claim; move: (uniform_delta); lra.
Qed.

(** Proposition 3.4 at equality: there pi_star ties the pair and is not in U. *)
Definition prop_3_4_weak : Prop := forall (T : finType) (ref r : T -> R) beta w l,
  full ref -> 0 < beta -> 0 < r w - r l -> delta ref w l <= - (r w - r l) / beta -> U ref w l (pi_star ref r beta).

Theorem prop_3_4_weak_refuted : ~ prop_3_4_weak.
Proof.
move=> /(_ _ (leaning 1) prize 1 true false (leaning_full 1) Rlt_0_1).
rewrite prize_gap leaning_delta => claim; have [||_] := claim; try lra.
by rewrite (delta_star prize 1 (leaning_full 1)) prize_gap leaning_delta; lra.
Qed.

(** The factor at delta = 0 with the sign of the reference's margin lost. *)
Definition factor_sign_lost : Prop := forall beta delta_ref,
  0 < beta -> sigma (- (beta * (0 - delta_ref))) = sigma (- (beta * delta_ref)).

Theorem factor_sign_lost_refuted : ~ factor_sign_lost.
Proof. by move=> /(_ 1 1 Rlt_0_1) /sigma_inj; lra. Qed.

(** * Chapter 2 *)

(** One pair at Bradley-Terry rates, the reward's sign changed. *)
Definition population_reversed : Prop := forall (T : finType) (ref r : T -> R) beta w l p,
  full ref -> 0 < beta -> w != l -> minimises full (dpo_loss ref beta (population r (one_label w l))) p ->
  delta p w l = delta ref w l - (r w - r l) / beta.

Theorem population_reversed_refuted : ~ population_reversed.
Proof.
move=> /(_ _ uniform prize 1 true false _ uniform_full Rlt_0_1 tf (star_minimises prize uniform_full Rlt_0_1 pair_ge0)).
by rewrite (delta_star prize 1 uniform_full) prize_gap; lra.
Qed.

(** Theorem 3.5 repaired, without connected pairs. *)
Definition repaired_unconnected : Prop := forall (T : finType) (ref r : T -> R) beta m,
  full ref -> 0 < beta -> weights m -> only_minimiser full (dpo_loss ref beta (population r m)) (pi_star ref r beta).

Theorem repaired_unconnected_refuted : ~ repaired_unconnected.
Proof.
have none : weights (fun _ _ : bool => 0) by move=> a b; lra.
move=> /(_ _ uniform prize 1 _ uniform_full Rlt_0_1 none) [_ only].
have e : uniform = pi_star uniform prize 1.
  apply: only; split; first exact: uniform_full.
  by move=> q _; apply: Req_le; apply: eq_sum2 => a b; rewrite /population; lra.
by have := delta_star prize 1 uniform_full true false; rewrite -e prize_gap uniform_delta; lra.
Qed.

(** Theorem 3.5 repaired, for labels given in one order. *)
Definition repaired_ordered : Prop := forall (T : finType) (ref r : T -> R) beta m,
  full ref -> 0 < beta -> weights m -> connected m -> only_minimiser full (dpo_loss ref beta m) (pi_star ref r beta).

Lemma pair_connected : connected pair.
Proof.
move=> a b; case: (eqVneq a b) => [->|ne]; first exact: connect0.
by apply: connect1; move: ne; case: a; case: b => // _; apply/orP; [left|right]; apply/labelP;
  rewrite /one_label /=; lra.
Qed.

Theorem repaired_ordered_refuted : ~ repaired_ordered.
Proof.
move=> /(_ _ uniform prize 1 _ uniform_full Rlt_0_1 pair_ge0 pair_connected) [best _].
by apply: (one_label_unattained uniform_full Rlt_0_1 tf); exists (pi_star uniform prize 1).
Qed.

(** * Chapter 3 *)

(** Attained iff the labels connect, whatever their direction. *)
Definition attained_iff_connected : Prop := forall (T : finType) (ref : T -> R) beta n,
  full ref -> 0 < beta -> weights n -> ((exists p, minimises full (dpo_loss ref beta n) p) <-> connected n).

Theorem attained_iff_connected_refuted : ~ attained_iff_connected.
Proof.
move=> /(_ _ uniform 1 _ uniform_full Rlt_0_1 pair_ge0) [_ /(_ pair_connected)].
exact: (one_label_unattained uniform_full Rlt_0_1 tf).
Qed.

(** The cut theorem, weak: attained iff no cut is negative. *)
Definition existence_by_weak_cuts : Prop := forall (T : finType) (ref : T -> R) n (L : T -> T -> R -> R) a b C,
  full ref -> weights n ->
  (forall w l x, a w l * Rmax 0 x + b w l * Rmax 0 (- x) - C <= L w l x) ->
  (forall w l x t, 0 < t -> L w l (x + t) < L w l x + a w l * t /\ L w l (x - t) < L w l x + b w l * t) ->
  ((exists p, minimises full (pair_loss ref n L) p) <-> forall S, 0 <= cut a b n S).

Theorem existence_by_weak_cuts_refuted : ~ existence_by_weak_cuts.
Proof.
move=> /(_ _ uniform pair (fun _ _ => tilted_sp 1 0) (fun _ _ => 0 * 1) (fun _ _ => (1 - 0) * 1) 0 uniform_full pair_ge0
  (fun _ _ => tilted_above_asymptotes 1 0) (fun _ _ => tilted_below_slopes 0 Rlt_0_1)) [_ claim].
apply: (one_label_unattained uniform_full Rlt_0_1 tf).
have [|p hp] := claim.
  by move=> S; rewrite tilted_cut; have := won_by_ge0 (~: S) pair_ge0; rewrite -/(lost_by S pair); lra.
exists p; apply: (minimises_ext full _ p).1 hp => q; apply: eq_sum2 => w l; rewrite /tilted_sp; lra.
Qed.

(** rDPO attained with a share of exactly eps in some cut: labels 3 to 1, eps = 1/4. *)
Definition rdpo_weak : Prop := forall (T : finType) (ref : T -> R) beta eps n,
  full ref -> 0 < beta -> 0 <= eps < / 2 -> weights n ->
  (forall S, crossed n S -> eps * won_by S n <= (1 - eps) * lost_by S n) ->
  exists p, minimises full (pair_loss ref n
    (fun _ _ x => ((1 - eps) * sp (- (beta * x)) - eps * sp (beta * x)) / (1 - 2 * eps))) p.

Definition three_to_one (w l : bool) : R := if w == l then 0 else if w then 3 else 1.

Theorem rdpo_weak_refuted : ~ rdpo_weak.
Proof.
have n0 : weights three_to_one by move=> [] []; rewrite /three_to_one /=; lra.
have quarter : 0 <= / 4 < / 2 by lra.
move=> /(_ _ uniform 1 (/ 4) three_to_one uniform_full Rlt_0_1 quarter n0) claim.
have [_ [[only _] _]] := rdpo_existence_proved uniform_full Rlt_0_1 quarter n0.
have shares (S : {set bool}) : won_by S three_to_one =
    (if (true \in S) && (false \notin S) then 3 else 0) + (if (false \in S) && (true \notin S) then 1 else 0).
  rewrite /won_by !sum_bool /three_to_one /=.
  by case: (true \in S); case: (false \in S) => /=; lra.
have cross : crossed three_to_one [set true].
  by exists true, false; rewrite !inE /three_to_one /=; split=> //; lra.
have [|p hp] := claim.
  by move=> S _; rewrite /lost_by !shares !inE; case: (true \in S); case: (false \in S) => /=; lra.
by have := only (ex_intro _ p hp) [set true] cross; rewrite /lost_by !shares !inE /=; lra.
Qed.

(** cDPO without noise. *)
Definition cdpo_without_noise : Prop := forall (T : finType) (ref : T -> R) beta eps n,
  full ref -> 0 < beta -> 0 <= eps < 1 -> weights n ->
  exists p, minimises full (pair_loss ref n (fun _ _ x => (1 - eps) * sp (- (beta * x)) + eps * sp (beta * x))) p.

Theorem cdpo_without_noise_refuted : ~ cdpo_without_noise.
Proof.
have noiseless : 0 <= 0 < 1 by lra.
move=> /(_ _ uniform 1 0 _ uniform_full Rlt_0_1 noiseless pair_ge0) [p hp].
apply: (one_label_unattained uniform_full Rlt_0_1 tf); exists p.
by apply: (minimises_ext full _ p).1 hp => q; apply: eq_sum2 => w l; lra.
Qed.

(** * Chapter 4 *)

(** The threshold of one pair, weak: a tie counts as right. *)
Definition threshold_of_ties : Prop := forall (T : finType) (ref : T -> R) beta w l p,
  full ref -> 0 < beta -> w != l -> full p ->
  (0 <= delta p w l <-> dpo_loss ref beta (one_label w l) p < sp (beta * delta ref w l)).

Theorem threshold_of_ties_refuted : ~ threshold_of_ties.
Proof.
move=> /(_ _ uniform 1 true false uniform uniform_full Rlt_0_1 tf uniform_full) [claim _].
by have := claim; rewrite uniform_delta dpo_one_label h_self !Rmult_0_r Ropp_0; lra.
Qed.

(** An inverted pair keeps the loss beta t above its threshold. *)
Definition threshold_margin_linear : Prop := forall (T : finType) (ref : T -> R) beta w l p t,
  full ref -> 0 < beta -> full p -> 0 < t -> delta p w l = - t ->
  dpo_loss ref beta (one_label w l) p - sp (beta * delta ref w l) = beta * t.

Theorem threshold_margin_linear_refuted : ~ threshold_margin_linear.
Proof.
move=> /(_ _ uniform 1 true false (leaning 1) 1 uniform_full Rlt_0_1 (leaning_full 1) Rlt_0_1 (leaning_delta 1)).
rewrite dpo_one_label /h leaning_delta uniform_delta => e.
have := sp_climbs_less (1 * 0) Rlt_0_1; rewrite (_ : - (1 * (- (1) - 0)) = 1 * 0 + 1) in e; lra.
Qed.
