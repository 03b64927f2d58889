(** Chapter 2. DPO and RLHF: the loss as Bradley-Terry likelihood, one label, one pair at Bradley-Terry rates;
    Theorem 3.5 refuted in both directions, and repaired for population labels on any connected graph. *)
From Coq Require Import Reals Lra Psatz FunctionalExtensionality.
From mathcomp Require Import ssreflect ssrfun ssrbool eqtype ssrnat seq choice fintype bigop path fingraph.
From Formal Require Import definitions sums softplus blocks claims ch1_rlhf.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Open Scope R_scope.

(** * The loss is a function of the scores s = beta log(p / ref) *)

Section Scores.
Variables (T : finType) (ref : T -> R) (beta : R) (n : T -> T -> R).
Hypotheses (ref_full : full ref) (beta_pos : 0 < beta).

Lemma bradley_terry_sp s : bradley_terry n s = \Sum_w \Sum_l (n w l * sp (- (s w - s l))).
Proof. by apply: eq_sum2 => w l; rewrite sp_sigma. Qed.

Lemma dpo_of_scores p : full p -> dpo_loss ref beta n p = bradley_terry n (fun y => beta * ln (p y / ref y)).
Proof.
move=> hp; rewrite bradley_terry_sp; apply: eq_sum2 => w l.
by rewrite (h_log_ratio ref_full) //; congr (_ * sp _); lra.
Qed.

Lemma policy_of_full s : full (policy_of ref beta s).
Proof. exact: (tilt_full ref_full). Qed.

Lemma h_policy_of s w l : beta * h ref (policy_of ref beta s) w l = s w - s l.
Proof. by rewrite (h_tilt ref_full); field; lra. Qed.

Lemma dpo_policy_of s : dpo_loss ref beta n (policy_of ref beta s) = bradley_terry n s.
Proof. by rewrite bradley_terry_sp; apply: eq_sum2 => w l; rewrite h_policy_of. Qed.
End Scores.

Theorem dpo_bradley_terry_proved : dpo_bradley_terry.
Proof.
move=> T ref beta n ref_full hb; split; first by move=> p; exact: dpo_of_scores.
split=> [s|v]; first by split; [exact: policy_of_full|exact: dpo_policy_of].
split=> -[low near]; split.
- by move=> s _; rewrite -(dpo_policy_of n ref_full hb); apply: low; exact: policy_of_full.
- move=> eps /near [p [hp lt]]; exists (fun y => beta * ln (p y / ref y)).
  by rewrite -dpo_of_scores.
- by move=> p hp; rewrite (dpo_of_scores beta n ref_full) //; exact: low.
- move=> eps /near [s [_ lt]]; exists (policy_of ref beta s).
  by rewrite dpo_policy_of //; split=> //; exact: policy_of_full.
Qed.

(** * One label *)

Lemma one_label_infimum (T : finType) (ref : T -> R) beta w l : full ref -> 0 < beta -> w != l ->
  infimum full (dpo_loss ref beta (one_label w l)) 0.
Proof.
move=> ref_full hb wl; split=> [p _|eps /sp_small [z hz]]; first by rewrite dpo_one_label; exact/Rlt_le/sp_pos.
have [p [hp e]] := policy_with_margin ref_full (delta ref w l - z / beta) wl.
exists p; split=> //; rewrite Rplus_0_l dpo_one_label; apply: hz.
by rewrite /h e; apply: Req_le; field; lra.
Qed.

Lemma one_label_unattained (T : finType) (ref : T -> R) beta w l : full ref -> 0 < beta -> w != l ->
  ~ exists p, minimises full (dpo_loss ref beta (one_label w l)) p.
Proof.
move=> ref_full hb wl [p [hp least]].
have [_ near] := one_label_infimum ref_full hb wl.
have [|q [/least le lt]] := near (dpo_loss ref beta (one_label w l) p); last by lra.
by rewrite dpo_one_label; exact: sp_pos.
Qed.

Theorem dpo_ordered_proved : dpo_ordered.
Proof.
move=> T ref beta w l ref_full hb wl; split=> [p|]; first by rewrite dpo_one_label.
split=> [d|]; first split; first exact: loss_slope.
  by have := Rmult_lt_0_compat _ _ hb (sigma_pos (- (beta * (d - delta ref w l)))); lra.
by split; [exact: one_label_infimum|exact: one_label_unattained].
Qed.

(** * Population labels *)

Section Population.
Variables (T : finType) (ref r : T -> R) (beta : R) (m : T -> T -> R).
Hypotheses (ref_full : full ref) (beta_pos : 0 < beta) (m_ge0 : weights m).
Notation star := (pi_star ref r beta).
Notation loss := (dpo_loss ref beta (population r m)).

(** The labels of a pair, both ways together, cost its cross-entropy. *)
Lemma population_loss p : loss p = \Sum_w \Sum_l (m w l * cross_entropy (r w - r l) (beta * h ref p w l)).
Proof.
transitivity (\Sum_w \Sum_l (m w l * (sigma (r w - r l) * sp (- (beta * h ref p w l))))
  + \Sum_w \Sum_l (m l w * (sigma (r w - r l) * sp (- (beta * h ref p w l))))).
  by rewrite -sum2D; apply: eq_sum2 => w l; rewrite /population; lra.
rewrite [X in _ + X]sum2_swap -sum2D; apply: eq_sum2 => w l.
rewrite /cross_entropy (h_opp ref p w l) (_ : r l - r w = - (r w - r l)); last lra.
by rewrite (_ : - (beta * - h ref p w l) = beta * h ref p w l); lra.
Qed.

Lemma excess_ge0 p w l : 0 <= m w l * (cross_entropy (r w - r l) (beta * h ref p w l)
                                       - cross_entropy (r w - r l) (r w - r l)).
Proof. by apply: Rmult_le_pos; [exact: m_ge0|have := cross_entropy_least (r w - r l) (beta * h ref p w l); lra]. Qed.

Lemma population_excess p : loss p - loss star =
  \Sum_w \Sum_l (m w l * (cross_entropy (r w - r l) (beta * h ref p w l) - cross_entropy (r w - r l) (r w - r l))).
Proof.
rewrite !population_loss -sum2B; apply: eq_sum2 => w l.
by rewrite (h_star r ref_full beta_pos); lra.
Qed.

Lemma star_least p : loss star <= loss p.
Proof. by have := sum2_ge0 (excess_ge0 p); rewrite -population_excess; lra. Qed.

Lemma star_minimises : minimises full loss star.
Proof. by split; [exact: star_full|move=> p _; exact: star_least]. Qed.

(** A policy with no more loss has pi_star's margin on every pair. *)
Lemma no_more_loss p w l : loss p <= loss star -> 0 < m w l -> delta p w l = delta star w l.
Proof.
move=> le pair; have e : \Sum_w \Sum_l (m w l * (cross_entropy (r w - r l) (beta * h ref p w l)
                                       - cross_entropy (r w - r l) (r w - r l))) <= 0.
  by rewrite -population_excess; lra.
have := terms2_eq0 (excess_ge0 p) e w l => /Rmult_integral [|z]; first by lra.
have : cross_entropy (r w - r l) (beta * h ref p w l) <= cross_entropy (r w - r l) (r w - r l) by lra.
move=> /cross_entropy_only; rewrite -(h_star r ref_full beta_pos w l) => /Rmult_eq_reg_l.
by rewrite /h => k; have := k (Rgt_not_eq _ _ beta_pos); lra.
Qed.
End Population.

(** Margins that agree on every label agree wherever the labels connect. *)
Lemma margins_on_connected (T : finType) (n : T -> T -> R) (p q : T -> R) :
  (forall w l, 0 < n w l -> delta p w l = delta q w l) ->
  forall a b, connect (linked n) a b -> delta p a b = delta q a b.
Proof.
move=> hpq a b /(constant_on_paths (f := fun y => ln (p y) - ln (q y))) => k.
suff: ln (p a) - ln (q a) = ln (p b) - ln (q b) by rewrite /delta; lra.
by apply: k => c d /orP [] /labelP /hpq; rewrite /delta; lra.
Qed.

Theorem dpo_population_proved : dpo_population.
Proof.
move=> T ref r beta w l ref_full hb wl; split; last exact: delta_star.
have m0 : weights (one_label w l) by move=> a b; rewrite /one_label; case: ifP; lra.
have pair : 0 < one_label w l w l by rewrite /one_label !eqxx /=; lra.
move=> p; rewrite -(delta_star r beta ref_full); split=> [[hp least]|[hp e]].
  split=> //; apply: (no_more_loss ref_full hb m0 _ pair).
  by apply: least; exact: star_full.
split=> // q _; apply: Rle_trans (star_least r ref_full hb m0 q); apply: Req_le.
have e' : h ref p w l = h ref (pi_star ref r beta) w l by rewrite /h e.
rewrite !population_loss; apply: eq_sum2 => a b; rewrite /one_label.
by case: ifP => [/andP [/eqP -> /eqP ->]|_]; rewrite ?e'; lra.
Qed.

(** * Theorem 3.5 *)

Theorem thm_3_5_repaired_proved : thm_3_5_repaired.
Proof.
move=> T ref r beta m ref_full hb m0 conn; split; first exact: star_minimises.
move=> p [hp least]; apply: full_eq => //; first exact: star_full.
move=> a b; apply: (margins_on_connected _ (conn a b)) => w l.
by apply: no_more_loss => //; apply: least; exact: star_full.
Qed.

Theorem thm_3_5_ranking_proved : thm_3_5_ranking.
Proof.
move=> T ref r beta m p w l ref_full hb m0 conn hp.
have [_ only] := thm_3_5_repaired_proved r ref_full hb m0 conn.
by rewrite (only p hp); exact: assumption_3_1_proved.
Qed.

(** ** Witnesses, on two responses *)

Definition prize (b : bool) : R := if b then 1 else 0.
Notation pair := (one_label true false).

Lemma pair_ge0 : weights pair.
Proof. by move=> a b; rewrite /one_label; case: ifP; lra. Qed.

Lemma pair_one_order : one_order pair.
Proof. by move=> [] []; rewrite /one_label /=; lra. Qed.

(** Uniform reference: the condition holds, and the loss of the label has no minimiser. *)
Theorem thm_3_5_if_refuted : ~ thm_3_5_if.
Proof.
move=> /(_ _ _ prize 1 pair uniform_full Rlt_0_1 pair_ge0 pair_one_order) claim.
apply: (one_label_unattained uniform_full Rlt_0_1 (isT : true != false)).
exists (pi_star (fun=> / 2) prize 1); apply: claim => -[] [] ; rewrite /one_label /delta /prize /=; lra.
Qed.

(** A reference that leans against the label by 2: pi_star is the minimiser, and the condition fails. *)
Theorem thm_3_5_only_if_refuted : ~ thm_3_5_only_if.
Proof.
move=> /(_ _ _ prize 1 pair (leaning_full 2) Rlt_0_1 pair_ge0 pair_one_order) claim.
have := claim (star_minimises prize (leaning_full 2) Rlt_0_1 pair_ge0) true false.
by rewrite leaning_delta /one_label /prize /=; lra.
Qed.

Theorem thm_3_5_refuted : ~ thm_3_5.
Proof.
move=> claim; apply: thm_3_5_if_refuted => T ref r beta m hr hb m0 m1.
by apply: (claim T ref r beta m m hr hb m0 m1 _).2; left.
Qed.
