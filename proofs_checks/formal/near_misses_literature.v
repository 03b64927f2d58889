(** Near misses of the claims on convergence and of the literature: each is refuted. *)
From Coq Require Import Reals Lra Psatz.
From mathcomp Require Import ssreflect ssrfun ssrbool eqtype ssrnat seq choice fintype bigop path fingraph.
From Formal Require Import definitions sums softplus blocks ch1_rlhf ch2_equivalence ch3_set_example.
From Formal Require Import definitions_cpo claims_literature ch5_descent near_misses.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Open Scope R_scope.

(** ** Chapter 5 *)

Definition no_labels (_ _ : bool) := 0.
Definition resting (_ : R) (_ : bool) := 0.

Lemma no_labels_rest : gradient_flow (fun x => dpo_loss uniform 1 no_labels (softmax x)) resting.
Proof.
move=> t _ y; exists 0; split; last by rewrite Ropp_0; exact: derivable_pt_lim_const.
suff : forall b, dpo_loss uniform 1 no_labels (softmax (with_coordinate (resting t) y b)) = 0.
  by move=> e; apply: (derivable_pt_lim_ext (fun=> 0)) => [b|]; [rewrite e|exact: derivable_pt_lim_const].
by move=> b; rewrite /dpo_loss /no_labels !sum_bool; ring.
Qed.

(** The flow ends at the only minimiser there is. *)
Definition flow_member_alone : Prop := forall (T : finType) (ref : T -> R) beta n z,
  full ref -> 0 < beta -> weights n -> (forall w l, ~ joins_two_blocks n w l) ->
  gradient_flow (fun x => dpo_loss ref beta n (softmax x)) z -> softmax (z 0) = ref ->
  exists p, forall q, minimises full (dpo_loss ref beta n) q -> q = p.

Theorem flow_member_alone_refuted : ~ flow_member_alone.
Proof.
have w0 : weights no_labels by move=> a b; rewrite /no_labels; lra.
have none w l : ~ joins_two_blocks no_labels w l by case=> /labelP; rewrite /no_labels; lra.
have start : softmax (resting 0) = uniform.
  apply: full_eq; [exact: (softmax_full (resting 0) true)|exact: uniform_full|move=> a b].
  by rewrite delta_softmax /resting /delta; lra.
move=> /(_ _ uniform 1 no_labels resting uniform_full Rlt_0_1 w0 none no_labels_rest start) [p only].
have flat x : dpo_loss uniform 1 no_labels x = 0 by rewrite /dpo_loss /no_labels !sum_bool; ring.
have all x : full x -> minimises full (dpo_loss uniform 1 no_labels) x by move=> hx; split=> // y _; rewrite !flat; lra.
have := only _ (all _ uniform_full); rewrite -(only _ (all _ (leaning_full 1))) => e.
by have := uniform_delta; rewrite e leaning_delta; lra.
Qed.

(** ** Chapter 8 *)

(** Hotter annotators: RLHF at beta kappa. *)
Definition temperature_times : Prop := forall (T : finType) (ref r : T -> R) beta kappa m,
  full ref -> 0 < beta -> 0 < kappa -> weights m -> connected m ->
  only_minimiser full (dpo_loss ref beta (population (fun y => kappa * r y) m)) (pi_star ref r (beta * kappa)).

Theorem temperature_times_refuted : ~ temperature_times.
Proof.
have two : 0 < 2 by lra.
move=> /(_ _ uniform prize 1 2 pair uniform_full Rlt_0_1 two pair_ge0 pair_connected) [_ only].
have := only _ (star_minimises (fun y => 2 * prize y) uniform_full Rlt_0_1 pair_ge0) => e.
have := delta_star (fun y => 2 * prize y) 1 uniform_full true false.
by rewrite e (delta_star prize (1 * 2) uniform_full) /prize uniform_delta; lra.
Qed.

(** The others' mass at low temperature, without the division by q. *)
Definition zero_temperature_undivided : Prop := forall (T : finType) (ref r : T -> R) beta (B : pred T) most g,
  full ref -> 0 < beta -> (exists y, B y) -> (forall y, B y -> r y = most) -> (forall y, ~~ B y -> r y <= most - g) ->
  \Sum_(y | ~~ B y) pi_star ref r beta y <= exp (- (g / beta)) * (1 - \Sum_(y | B y) ref y).

Theorem zero_temperature_undivided_refuted : ~ zero_temperature_undivided.
Proof.
move=> /(_ _ uniform prize 1 id 1 1 uniform_full Rlt_0_1) claim.
have : \Sum_(y | ~~ id y) pi_star uniform prize 1 y <= exp (- (1 / 1)) * (1 - \Sum_(y | id y) uniform y).
  apply: claim; first by exists true.
  - by move=> [].
  - by move=> [] // _; rewrite /prize; lra.
rewrite -[X in X <= _]sum_if -[X in _ * (1 - X)]sum_if !sum_bool /= /pi_star /partition !sum_bool /uniform /prize.
rewrite (_ : 0 / 1 = 0) 1?(_ : 1 / 1 = 1) ?exp_0; [|lra|lra].
have e1 := exp_pos 1; have big : 2 <= exp 1 by have := exp_ge1x 1; lra.
rewrite exp_Ropp => le; have := Rmult_le_compat_r (exp 1 * (exp 1 + 1)) _ _ _ le; move=> /(_ ltac:(nra)).
have -> : (0 + / 2 * 1 / (/ 2 * exp 1 + / 2 * 1)) * (exp 1 * (exp 1 + 1)) = exp 1 by field; lra.
have -> : / exp 1 * (1 - (/ 2 + 0)) * (exp 1 * (exp 1 + 1)) = (exp 1 + 1) / 2 by field; lra.
lra.
Qed.

(** A third of the squared difference more. *)
Definition regret_three : Prop := forall x z,
  3 * (sigma x - sigma z) ^ 2 <= sigma x * (sp (- z) - sp (- x)) + sigma (- x) * (sp z - sp x).

Theorem regret_three_refuted : ~ regret_three.
Proof.
move=> /(_ 0 (ln 3)); have s3 : sigma (ln 3) = 3 / 4 by rewrite sigma_ln; lra.
have s3' : sigma (- ln 3) = / 4 by have := sigma_opp (ln 3); lra.
have s0 : sigma 0 = / 2 by rewrite /sigma Ropp_0 exp_0; lra.
have sp_of u : sp u = - ln (sigma (- u)) by rewrite -sp_sigma Ropp_involutive.
rewrite Ropp_0 s3 s0 sp0 !sp_of Ropp_involutive s3 s3'.
have low : ln (4 / 3) < 3 / 8.
  rewrite -[X in _ < X]ln_exp; apply: ln_increasing; first lra.
  by have := exp_ineq1 (3 / 8) ltac:(lra); lra.
have q : ln (/ 4) = - (ln 2 + ln 2) by rewrite ln_Rinv -?ln_mult; try lra; congr (- ln _); lra.
have t : ln (3 / 4) = - ln (4 / 3) by rewrite -ln_Rinv; try lra; congr ln; field.
by rewrite q t; lra.
Qed.

(** A fifth as far. *)
Definition ipo_fifth : Prop := forall x tau, 0 < x -> 0 < tau -> (sigma x - 1 / 2) / tau <= x / (5 * tau).

Theorem ipo_fifth_refuted : ~ ipo_fifth.
Proof.
move=> /(_ 1 1 Rlt_0_1 Rlt_0_1); rewrite /sigma exp_Ropp.
have third : 4 / 3 <= exp (1 / 3) by have := exp_ge1x (1 / 3); lra.
have e : exp 1 = exp (1 / 3) * (exp (1 / 3) * exp (1 / 3)) by rewrite -!exp_plus; congr exp; field.
have square : 16 / 9 <= exp (1 / 3) * exp (1 / 3) by nra.
have big : 64 / 27 <= exp 1 by rewrite e; nra.
have -> : / (1 + / exp 1) = 1 - / (exp 1 + 1) by field; lra.
have : / (exp 1 + 1) <= / (64 / 27 + 1) by apply: Rinv_le_contravar; lra.
lra.
Qed.

(** A response that no other beats. *)
Definition condorcet_weak : Prop := forall (T : finType) (P : T -> T -> R) w p,
  (forall i j, P i j + P j i = 1) -> (forall j, j != w -> 1 / 2 <= P w j) -> policy p ->
  ((forall j, 1 / 2 <= \Sum_i (p i * P i j)) <-> p w = 1).

Theorem condorcet_weak_refuted : ~ condorcet_weak.
Proof.
move=> /(_ _ (fun _ _ : bool => 1 / 2) true uniform) claim.
have [|||nash _] := claim; [by move=> *; lra|by move=> *; lra|exact/full_policy/uniform_full|].
have : uniform true = 1 by apply: nash => j; rewrite sum_bool /uniform; lra.
by rewrite /uniform; lra.
Qed.
