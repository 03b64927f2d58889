(** Chapter 3, a solution set in full: (6t, t, 1 - 7t), with its member that gradient flow ends at and its member
    closest to the reference. The decimals are the tactic [interval]'s. *)
From Coq Require Import Reals Lra Psatz FunctionalExtensionality.
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

(** Every policy is known by its masses. *)
Lemma ord3_eq (p p' : 'I_3 -> R) : p a = p' a -> p b = p' b -> p c = p' c -> p = p'.
Proof.
move=> ea eb ec; apply: functional_extensionality => y.
case: (eqVneq y a) => [->//|ya]; case: (eqVneq y b) => [->//|yb]; suff -> : y = c by [].
case: y ya yb => -[|[|[|//]]] hy ya yb; apply: val_inj; rewrite /= inordK //.
  by case/eqP: ya; apply: val_inj; rewrite /= inordK.
by case/eqP: yb; apply: val_inj; rewrite /= inordK.
Qed.

Theorem dpo_set_example_proved : dpo_set_example.
Proof.
split=> [p|].
  split=> [/example_minimisers [[[p0 sum] [pa pb]] e]|[t [ht [ea [eb ec]]]]].
    by exists (p b); move: sum (p0 c); rewrite sum_ord3; lra.
  apply/example_minimisers; rewrite ea eb; split=> //; split; last lra.
  split=> [y|]; last by rewrite sum_ord3; lra.
  pose p' (y : 'I_3) := if y == a then 6 * t else if y == b then t else 1 - 7 * t.
  have -> : p = p' by apply: ord3_eq; rewrite /p' !distinct.
  by rewrite /p'; case: ifP => _; [|case: ifP => _]; lra.
split; last exact: entropy_decimals.
move=> p /example_minimisers [hp e].
by rewrite [LHS]example_loss (proj2 (six_to_one hp) e) cross_entropy_self.
Qed.

(** * Two members *)

Lemma full_minimisers p : minimises full loss p <-> full p /\ p a = 6 * p b.
Proof.
have mix x : full x -> mixes x by move=> [x0 sum]; split; [exact/full_policy|split].
have tenths_full : full tenths.
  split; last exact: tenths_mixes.1.2.
  by move=> y; rewrite /tenths; case: ifP => _; [|case: ifP => _]; lra.
split=> [[hp least]|[hp e]]; last first.
  by split=> // x hx; exact: (proj2 (proj2 (example_minimisers p) (conj (mix p hp) e))) (mix x hx).
split=> //; apply: (proj2 (proj1 (example_minimisers p) _)); split; first exact: mix.
move=> x hx; apply: Rle_trans (least _ tenths_full) _.
apply: (proj2 (proj2 (example_minimisers tenths) _)) hx; split; first exact: tenths_mixes.
by rewrite /tenths !distinct; lra.
Qed.

Lemma member_with_gauge p : minimises full loss p ->
  ((h ref3 p a c + h ref3 p b c) / 2 = 0 <-> p a = / 2 /\ p b = / 12 /\ p c = 5 / 12).
Proof.
move=> /full_minimisers [[p0 sum] e]; rewrite sum_ord3 in sum.
have pb := p0 b; have pc := p0 c; have ec : p c = 1 - 7 * p b by lra.
have gauge : h ref3 p a c + h ref3 p b c = 2 * (ln (10 * p b) - ln (2 * p c)).
  have la : ln (p a) - ln (/ 5) = ln (30 * p b) by rewrite -ln_div; try lra; congr ln; rewrite e; field.
  have lb : ln (p b) - ln (3 / 10) = ln (10 / 3 * p b) by rewrite -ln_div; try lra; congr ln; field.
  have lc : ln (p c) - ln (/ 2) = ln (2 * p c) by rewrite -ln_div; try lra; congr ln; field.
  have lab : ln (30 * p b) + ln (10 / 3 * p b) = ln (10 * p b) + ln (10 * p b).
    by rewrite -!ln_mult; try lra; congr ln; field.
  by rewrite /h /delta /ref3 !distinct; lra.
split=> [g|[ea [eb ec']]].
  have tie : 10 * p b = 2 * p c by apply: ln_inv; [lra|lra|move: g; rewrite -/ref3 gauge; lra].
  by split; [lra|split; lra].
rewrite -/ref3 gauge eb ec' (_ : 10 * / 12 = 2 * (5 / 12)); [lra|field].
Qed.

(** The closest: the odds e^rate of c's mass to that of 14 t are those at which KL has slope 0. *)
Definition rate := exp ((6 * ln 30 + ln (10 / 3)) / 7).
Definition share := 2 / (rate + 14).
Definition member t (y : 'I_3) := if y == a then 6 * t else if y == b then t else 1 - 7 * t.

Lemma share_range : 0 < share < / 7.
Proof.
have r0 : 0 < rate := exp_pos _; split; first by apply: div_pos; lra.
apply: (Rmult_lt_reg_r (rate + 14)); first lra.
by rewrite /share (_ : 2 / (rate + 14) * (rate + 14) = 2); [lra|field; lra].
Qed.

Lemma member_full t : 0 < t < / 7 -> full (member t).
Proof.
move=> ht; split=> [y|]; last by rewrite sum_ord3 /member !distinct; lra.
by rewrite /member; case: ifP => _; [|case: ifP => _]; lra.
Qed.

Lemma is_member p : full p -> p a = 6 * p b -> p = member (p b) /\ 0 < p b < / 7.
Proof.
move=> [p0 sum] e; rewrite sum_ord3 in sum; split; last by have := p0 b; have := p0 c; lra.
by apply: ord3_eq; rewrite /member !distinct; lra.
Qed.

Lemma slope_zero : 6 * (ln (6 * share) - ln (/ 5)) + (ln share - ln (3 / 10)) - 7 * (ln (1 - 7 * share) - ln (/ 2)) = 0.
Proof.
have [s0 s1] := share_range; have r0 : 0 < rate := exp_pos _.
have l6 : ln (6 * share) - ln (/ 5) = ln 30 + ln share.
  by rewrite -ln_mult -?ln_div; try lra; congr ln; field.
have l1 : ln share - ln (3 / 10) = ln (10 / 3) + ln share by rewrite -ln_mult -?ln_div; try lra; congr ln; field.
have l7 : ln (1 - 7 * share) - ln (/ 2) = ln rate + ln share.
  rewrite -ln_mult -?ln_div; try lra; congr ln; rewrite /share; field; lra.
by rewrite l6 l1 l7 /rate ln_exp; lra.
Qed.

Lemma KL_pythagoras t : 0 < t < / 7 ->
  KL (member t) ref3 = KL (member t) (member share) + KL (member share) ref3.
Proof.
move=> ht; have hs := share_range; have r0 : 0 < rate := exp_pos _; rewrite /KL !sum_ord3 /member /ref3 !distinct.
have := Rmult_eq_compat_l (t - share) _ _ slope_zero; rewrite !ln_div; lra.
Qed.

Lemma closest_decimals : Rabs (6 * share - 3340943383 / 10 ^ 10) <= 5 / 10 ^ 11 /\
  Rabs (share - 556823897 / 10 ^ 10) <= 5 / 10 ^ 11 /\ Rabs (1 - 7 * share - 6102232719 / 10 ^ 10) <= 5 / 10 ^ 11.
Proof. by rewrite /share /rate; split; [|split]; interval with (i_prec 80). Qed.

Theorem closest_member_proved : closest_member.
Proof.
have hs := share_range; have fs := member_full hs.
have ms : minimises full loss (member share) by apply/full_minimisers; rewrite /member !distinct.
have to p : minimises full loss p -> full p /\ KL p ref3 = KL p (member share) + KL (member share) ref3.
  move=> /full_minimisers [hp e]; split=> //.
  by have [ep ht] := is_member hp e; have := KL_pythagoras ht; rewrite -ep.
exists (member share); split; last by rewrite /member !distinct; exact: closest_decimals.
split=> [|p [/to [hp e] least]].
  split=> // p /to [hp e]; suff : KL (member share) ref3 <= KL p ref3 by [].
  by have := KL_ge0 (full_policy hp) fs; lra.
apply: KL_eq0 => //; first exact: full_policy.
have le : KL p ref3 <= KL (member share) ref3 := least _ ms.
lra.
Qed.
End Example.
