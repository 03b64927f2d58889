(** Chapter 3, a solution set in full: (6t, t, 1 - 7t). The decimals of its loss are the tactic [interval]'s. *)
From Coq Require Import Reals Lra Psatz.
From Interval Require Import Tactic.
From mathcomp Require Import ssreflect ssrfun ssrbool eqtype ssrnat seq choice fintype bigop.
From Formal Require Import definitions sums softplus claims ch4_thresholds.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Open Scope R_scope.

Lemma entropy_decimals :
  Rabs (- (3 / 4 * ln (3 / 4) + / 4 * ln (/ 4)) - 5623351446 / 10 ^ 10) <= 5 / 10 ^ 11.
Proof. interval with (i_prec 60). Qed.

Lemma sigma_ln x : 0 < x -> sigma (ln x) = x / (1 + x).
Proof. by move=> x0; rewrite /sigma exp_Ropp exp_ln //; field; lra. Qed.

Section Example.
Notation a := (inord 0 : 'I_3).
Notation b := (inord 1 : 'I_3).
Notation c := (inord 2 : 'I_3).

Lemma ba : (b == a) = false. Proof. by apply/eqP => /(congr1 val); rewrite /= !inordK. Qed.
Lemma ca : (c == a) = false. Proof. by apply/eqP => /(congr1 val); rewrite /= !inordK. Qed.
Lemma cb : (c == b) = false. Proof. by apply/eqP => /(congr1 val); rewrite /= !inordK. Qed.
Definition distinct := (ba, ca, cb, eq_sym a b, eq_sym a c, eq_sym b c, eqxx).

Definition ref3 (y : 'I_3) := if y == a then / 5 else if y == b then 3 / 10 else / 2.
Definition n3 (w l : 'I_3) := if (w == a) && (l == b) then 3 / 4 else if (w == b) && (l == a) then / 4 else 0.
Definition mixes p := policy p /\ 0 < p a /\ 0 < p b.
Notation loss := (dpo_loss ref3 (/ 2) n3).

(** The loss is the cross-entropy of log 3 and h / 2, *)
Lemma example_loss p : loss p = cross_entropy (ln 3) (/ 2 * h ref3 p a b).
Proof.
rewrite /dpo_loss sum_ord3 !sum_ord3 /n3 !distinct /= !(Rmult_0_l, Rplus_0_l, Rplus_0_r) (h_opp ref3 p a b).
have s3 : sigma (ln 3) = 3 / 4 by rewrite sigma_ln; lra.
have s3' : sigma (- ln 3) = / 4 by have := sigma_opp (ln 3); lra.
by rewrite /cross_entropy s3 s3' (_ : - (/ 2 * - h ref3 p a b) = / 2 * h ref3 p a b); lra.
Qed.

(** which is least where a has six times the mass of b. *)
Lemma six_to_one p : mixes p -> (/ 2 * h ref3 p a b = ln 3 <-> p a = 6 * p b).
Proof.
move=> [_ [pa pb]]; have e : h ref3 p a b = ln (p a) - ln (p b) - (ln (/ 5) - ln (3 / 10)).
  by rewrite /h /delta /ref3 !distinct.
have r : ln (3 / 10) - ln (/ 5) = ln 3 - ln 2 by rewrite -!ln_div; try lra; congr ln; field.
have s : ln 6 = ln 2 + ln 3 by rewrite -ln_mult; try lra; congr ln; ring.
split=> [half|six]; last by rewrite e six ln_mult; lra.
apply: ln_inv; try lra; rewrite ln_mult; lra.
Qed.

Definition tenths (y : 'I_3) := if y == a then 6 / 10 else if y == b then / 10 else 3 / 10.

Lemma tenths_mixes : mixes tenths.
Proof.
split; last by rewrite /tenths !distinct; lra.
by split=> [y|]; rewrite ?sum_ord3 /tenths ?distinct; [case: ifP => _; [|case: ifP => _]|]; lra.
Qed.

Lemma example_minimisers p : minimises mixes loss p <-> mixes p /\ p a = 6 * p b.
Proof.
have six : / 2 * h ref3 tenths a b = ln 3.
  by apply/(six_to_one tenths_mixes); rewrite /tenths !distinct; lra.
split=> [[hp least]|[hp e]].
  split=> //; apply/six_to_one => //; apply: cross_entropy_only; rewrite -example_loss.
  by have := least _ tenths_mixes; rewrite [X in _ <= X]example_loss six.
split=> // x hx; rewrite !example_loss (proj2 (six_to_one hp) e); exact: cross_entropy_least.
Qed.

Lemma cross_entropy_self : cross_entropy (ln 3) (ln 3) = - (3 / 4 * ln (3 / 4) + / 4 * ln (/ 4)).
Proof.
have s3 : sigma (ln 3) = 3 / 4 by rewrite sigma_ln; lra.
have s3' : sigma (- ln 3) = / 4 by have := sigma_opp (ln 3); lra.
by rewrite /cross_entropy sp_sigma -[X in sp X]Ropp_involutive sp_sigma s3 s3'; lra.
Qed.

Theorem dpo_set_example_proved : dpo_set_example.
Proof.
split=> [p|].
  split=> [/example_minimisers [[[p0 sum] [pa pb]] e]|[t [ht [ea [eb ec]]]]].
    by exists (p b); move: sum (p0 c); rewrite sum_ord3; lra.
  apply/example_minimisers; rewrite ea eb; split=> //; split; last lra.
  split=> [y|]; last by rewrite sum_ord3; lra.
  case: (eqVneq y a) => [->|ya]; first lra.
  case: (eqVneq y b) => [->|yb]; first lra.
  suff -> : y = c by lra.
  case: y ya yb => -[|[|[|//]]] hy ya yb; apply: val_inj; rewrite /= inordK //.
    by case/eqP: ya; apply: val_inj; rewrite /= inordK.
  by case/eqP: yb; apply: val_inj; rewrite /= inordK.
split; last exact: entropy_decimals.
move=> p /example_minimisers [hp e].
by rewrite [LHS]example_loss (proj2 (six_to_one hp) e) cross_entropy_self.
Qed.
End Example.
