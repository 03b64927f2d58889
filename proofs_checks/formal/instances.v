(** Every bundle of hypotheses is met by something: a small instance of each, so that no claim holds for want of one. *)
From Coq Require Import Reals Lra Psatz.
From mathcomp Require Import ssreflect ssrfun ssrbool eqtype ssrnat seq choice fintype bigop path finset fingraph.
From Formal Require Import definitions sums softplus blocks ch1_rlhf ch2_equivalence ch3_corollaries ch3_solution_set.
From Formal Require Import ch3_set_example ch4_thresholds ch4_worst_case definitions_cpo ch5_flow.
From Formal Require Import ch5_descent near_misses.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Open Scope R_scope.

(** A policy with a zero is a policy, and not full. *)
Lemma some_policy : exists p : bool -> R, policy p /\ ~ full p.
Proof.
exists (fun b => if b then 1 else 0); split; first by split=> [[]|]; rewrite ?sum_bool; lra.
by case=> /(_ false); lra.
Qed.

(** A reference, a reward and a pair under the condition of Proposition 3.4, *)
Lemma some_pessimistic_reference : exists ref r : bool -> R,
  full ref /\ 0 < r true - r false /\ delta ref true false < - (r true - r false) / 1.
Proof. by exists (leaning 2), prize; split; [exact: leaning_full|rewrite leaning_delta prize_gap; lra]. Qed.

(** and under that of Theorem 3.5. *)
Lemma some_reference_that_agrees : exists ref r : bool -> R,
  full ref /\ delta ref true false > - (r true - r false) / 1.
Proof. by exists uniform, prize; split; [exact: uniform_full|rewrite uniform_delta prize_gap; lra]. Qed.

(** A policy in U. *)
Lemma some_policy_in_U : exists ref p : bool -> R, full ref /\ U ref true false p.
Proof.
exists (leaning 2), (leaning 1); split; first exact: leaning_full.
by split; [exact: leaning_full|rewrite !leaning_delta; lra].
Qed.

(** Labels in one order that connect and join two blocks. *)
Lemma some_joining_labels : weights pair /\ one_order pair /\ connected pair /\ joins_two_blocks pair true false.
Proof.
split; first exact: pair_ge0.
split; first exact: pair_one_order.
split; first exact: pair_connected.
have lab : label pair true false by apply/labelP; rewrite /one_label /=; lra.
split=> //; apply/negP => same; apply: (one_label_unattained uniform_full Rlt_0_1 tf).
apply/(dpo_attained_iff uniform_full Rlt_0_1 pair_ge0)/no_joins_iff => -[] [] // /labelP.
- by move=> _; exact: same_refl.
- by rewrite /one_label /=; lra.
- by move=> _; exact: same_refl.
Qed.

(** Labels in both orders: one block, and every response in a source block. *)
Definition both (w l : bool) : R := if w == l then 0 else 1.

Lemma some_labels_in_one_block :
  weights both /\ (forall w l, ~ joins_two_blocks both w l) /\ forall y, in_source_block both y.
Proof.
have lab a b : a != b -> label both a b by move=> ne; apply/labelP; rewrite /both (negbTE ne); lra.
have same a b : same_block both a b.
  case: (eqVneq a b) => [->|ne]; first exact: same_refl.
  by rewrite /same_block !connect1 //; apply: lab; rewrite // eq_sym.
split; first by move=> a b; rewrite /both; case: ifP => _; lra.
by split=> [a b|y a _]; [case=> _; rewrite same|exact: same].
Qed.

(** A cut that some label crosses. *)
Lemma some_crossed_cut : crossed pair [set true].
Proof. by exists true, false; rewrite !inE /one_label /=; split=> //; lra. Qed.

(** A loss with slopes, as the cut theorem asks. *)
Lemma some_loss_with_slopes : exists (L : R -> R) a b C,
  (forall x, a * Rmax 0 x + b * Rmax 0 (- x) - C <= L x) /\
  (forall x t, 0 < t -> L (x + t) < L x + a * t /\ L (x - t) < L x + b * t).
Proof.
exists (tilted_sp 1 (/ 4)), (/ 4 * 1), ((1 - / 4) * 1), 0.
by split=> [x|x t t0]; [exact: tilted_above_asymptotes|exact: tilted_below_slopes Rlt_0_1 _ _ t0].
Qed.

(** A loss that vanishes at one end and grows at the other. *)
Lemma some_vanishing_loss : exists L : R -> R, continuity L /\ (forall x, 0 < L x) /\
  (forall eps, 0 < eps -> exists H, forall x, H <= x -> L x < eps) /\
  (forall M, exists H, forall x, x <= H -> M <= L x).
Proof.
exists (dpo_label 1); split; first exact: dpo_label_continuous.
split=> [x|]; first exact: sp_pos.
by split; [exact: (dpo_label_vanishes Rlt_0_1)|exact: (dpo_label_grows Rlt_0_1)].
Qed.

(** A threshold: at a uniform reference the loss of one label is least, among policies that do not rank it right, at a
    tie. *)
Lemma some_threshold :
  infimum (fun p => full p /\ delta p true false <= 0) (dpo_loss uniform 1 pair) (ln 2).
Proof.
rewrite -sp0; split=> [p [hp le]|eps he]; first by rewrite dpo_one_label /h uniform_delta; apply: sp_le; lra.
exists uniform; rewrite dpo_one_label h_self Rmult_0_r Ropp_0; split; last lra.
by split; [exact: uniform_full|rewrite uniform_delta; lra].
Qed.

(** Two pairs that share no response. *)
Lemma some_separate_pairs : injective first_of /\ injective second_of /\ forall i j, first_of i != second_of j.
Proof.
split; first by move=> i j [].
split; first by move=> i j [].
by move=> i j; apply/eqP => -[].
Qed.

(** A policy under a hard constraint with a margin, and multipliers for it. *)
Definition order_tf : rel bool := fun a b => a && ~~ b.
Definition margin_two (_ _ : bool) := ln 2.

Lemma some_feasible_policy : exists p, feasible order_tf margin_two p.
Proof.
exists (fun b => if b then 2 / 3 else / 3); split; first by split=> [[]|]; rewrite ?sum_bool; lra.
by move=> [] [] // _; rewrite /margin_two exp_ln; lra.
Qed.

Lemma some_multipliers : exists lam, multipliers order_tf lam /\ 0 < lam true false.
Proof.
exists (fun a b => if order_tf a b then 1 else 0); split; last by rewrite /order_tf /=; lra.
by move=> a b; case: (order_tf a b); split=> //; lra.
Qed.

(** A local maximum. *)
Lemma some_local_maximum : local_maximum (J uniform prize 1) (pi_star uniform prize 1).
Proof.
split; first exact: (star_full prize 1 uniform_full).
exists 1; split; first lra; move=> q hq _; rewrite (J_star prize uniform_full Rlt_0_1).
exact: (star_is_best prize uniform_full Rlt_0_1 (full_policy hq)).
Qed.

(** Gradient flow of labels that join no two blocks: at rest in the reference, where it is a minimiser. *)
Lemma some_flow_of_labels :
  gradient_flow (fun x => dpo_loss uniform 1 both (softmax x)) (fun _ _ => 0) /\ softmax (fun _ : bool => 0) = uniform.
Proof.
have still y : force uniform 1 both (fun=> 0) y = 0.
  rewrite /force !sum_bool /both /= /implicit /side; case: y => /=; rewrite uniform_delta (delta_opp _ true false).
    by rewrite uniform_delta Ropp_0; ring.
  by rewrite uniform_delta Ropp_0; ring.
split=> [t _ y|]; last first.
  apply: full_eq; [exact: (softmax_full _ true)|exact: uniform_full|move=> a b].
  by rewrite delta_softmax /delta; lra.
exists 0; split; last by rewrite Ropp_0; exact: derivable_pt_lim_const.
by have := force_is_slope uniform 1 both (fun=> 0) y; rewrite still Ropp_0 => /Coquelicot.Derive.is_derive_Reals.
Qed.

(** A game with a response that beats every other. *)
Lemma some_game : exists (P : bool -> bool -> R) w,
  (forall i j, P i j + P j i = 1) /\ forall j, j != w -> 1 / 2 < P w j.
Proof.
exists (fun i j => if i == j then 1 / 2 else if i then 1 else 0), true.
by split=> [[] []|[]] //=; lra.
Qed.

(** Three responses with the probabilities of hard-example-margin. *)
Lemma some_star : exists ref r : 'I_3 -> R, full ref /\ pi_star ref r 1 (inord 0) = 1 / 10 /\
  pi_star ref r 1 (inord 1) = 4 / 10 /\ pi_star ref r 1 (inord 2) = 5 / 10.
Proof.
pose ref (y : 'I_3) := if y == inord 0 then 1 / 10 else if y == inord 1 then 4 / 10 else 5 / 10.
have hr : full ref.
  split=> [y|]; last by rewrite sum_ord3 /ref !distinct; lra.
  by rewrite /ref; case: ifP => _; [|case: ifP => _]; lra.
exists ref, (fun=> 0); split=> //.
have -> : pi_star ref (fun=> 0) 1 = ref.
  by apply: full_eq => // [|a b]; [exact: star_full|rewrite delta_star //; lra].
by rewrite /ref !distinct.
Qed.
