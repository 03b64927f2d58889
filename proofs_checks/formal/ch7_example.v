(** Chapter 7, an example with a margin, from the closed form of one pair. *)
From Coq Require Import Reals Lra Psatz FunctionalExtensionality.
From mathcomp Require Import ssreflect ssrfun ssrbool eqtype ssrnat seq choice fintype bigop.
From Formal Require Import definitions sums ch1_rlhf ch4_thresholds ch3_set_example definitions_cpo claims_cpo.
From Formal Require Import ch7_one_pair.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Open Scope R_scope.

(** Three responses with probabilities .1, .4, .5, of which the first has to have twice the mass of the second *)
Section Example.
Variables (T : finType) (a b c : T) (star : T -> R).
Hypotheses (ba : (b == a) = false) (ca : (c == a) = false) (cb : (c == b) = false).
Hypothesis three : forall f : T -> R, \Sum_y f y = f a + f b + f c.
Hypotheses (hs : full star) (sa : star a = 1 / 10) (sb : star b = 4 / 10) (sc : star c = 5 / 10).

Lemma example_multiplier : Rmax 0 (ln 2 - delta star a b) / (1 + exp (ln 2)) = ln 2.
Proof.
have four : ln (4 / 10) = ln (1 / 10) + ln 2 + ln 2.
  rewrite -!ln_mult; try lra.
  by congr ln; lra.
have pos : 0 < ln 2 by rewrite -ln_1; apply: ln_increasing; lra.
by rewrite /delta sa sb four Rmax_right ?exp_ln; lra.
Qed.

Definition example_masses y := star y * exp (if y == a then ln 2 else if y == b then - ln 2 * 2 else 0).

Lemma example_mass_a : example_masses a = 2 / 10.
Proof. by rewrite /example_masses eqxx sa exp_ln; lra. Qed.

Lemma example_mass_b : example_masses b = 1 / 10.
Proof.
rewrite /example_masses ba eqxx sb (_ : - ln 2 * 2 = - ln 2 + - ln 2); last by ring.
by rewrite exp_plus exp_Ropp exp_ln; lra.
Qed.

Lemma example_mass_c : example_masses c = 5 / 10.
Proof. by rewrite /example_masses ca cb sc exp_0; lra. Qed.

Definition example_best := normalised example_masses.

Lemma example_best_is : example_best a = 1 / 4 /\ example_best b = 1 / 8 /\ example_best c = 5 / 8.
Proof. by rewrite /example_best /normalised three example_mass_a example_mass_b example_mass_c; lra. Qed.

Lemma example_projection :
  only_minimiser (feasible (fun w l => (w == a) && (l == b)) (fun _ _ => ln 2)) (fun q => KL q star) example_best.
Proof.
have ab : a != b by rewrite eq_sym ba.
have := one_pair (ln 2) hs ab.
suff -> : example_best = normalised (fun y => star y * exp (if y == a
  then Rmax 0 (ln 2 - delta star a b) / (1 + exp (ln 2))
  else if y == b then - (Rmax 0 (ln 2 - delta star a b) / (1 + exp (ln 2))) * exp (ln 2) else 0)) by [].
by rewrite example_multiplier exp_ln; last lra.
Qed.

Lemma example_price : KL example_best star = ln (5 / 4).
Proof.
have [ea [eb ec]] := example_best_is; rewrite /KL three ea eb ec sa sb sc.
have -> : 1 / 4 / (1 / 10) = 5 / 4 * 2 by lra.
have -> : 1 / 8 / (4 / 10) = 5 / 4 * (/ 2 * / 2) by lra.
have -> : 5 / 8 / (5 / 10) = 5 / 4 by lra.
rewrite !ln_mult; try lra.
by rewrite !ln_Rinv; lra.
Qed.
End Example.

Theorem hard_example_margin_proved : hard_example_margin.
Proof.
move=> ref r beta a b c star href hb sa sb sc.
have hs : full star := star_full r beta href.
have [[hp least] only] := example_projection ba hs sa sb.
have price := example_price ba ca cb sum_ord3 sa sb sc.
have [ea [eb ec]] := example_best_is ba ca cb sum_ord3 sa sb sc.
set p := example_best a b star in hp least only price ea eb ec.
have meets q : policy q /\ q a >= 2 * q b <-> feasible (fun w l => (w == a) && (l == b)) (fun _ _ => ln 2) q.
  split=> -[hq h]; split=> //; last by have := h a b; rewrite !eqxx exp_ln; [move=> /(_ isT); lra|lra].
  by move=> w l /andP [/eqP -> /eqP ->]; rewrite exp_ln; lra.
have objective q : policy q -> J ref r beta q = V ref r beta - beta * KL q star by exact: J_is_V_less_KL.
exists p; split=> //; split=> //; split=> //; split; last by rewrite (objective p hp.1) price; lra.
split=> [|q [/meets hq best]].
  split=> [|q /meets hq]; first by apply/meets.
  by rewrite !objective; [have := Rmult_le_compat_l _ _ _ (Rlt_le _ _ hb) (least q hq); lra|exact: hp.1|exact: hq.1].
apply: only; split=> // z hz; have := best z (proj2 (meets z) hz).
rewrite !objective; [|exact: hq.1|exact: hz.1] => h1.
by apply: (Rmult_le_reg_l beta) => //; lra.
Qed.
