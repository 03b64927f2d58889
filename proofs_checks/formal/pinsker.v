(** Pinsker's inequality, (Sum |p - q|)^2 <= 2 KL(p || q), and how KL falls at a midpoint. *)
From Coq Require Import Reals Lra Psatz.
From Coquelicot Require Import Coquelicot.
From mathcomp Require Import ssreflect ssrfun ssrbool eqtype ssrnat seq choice fintype bigop.
From Formal Require Import definitions sums calculus.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Open Scope R_scope.

(** ** Pointwise: 3 (t - 1)^2 <= (2 t + 4) (t log t - t + 1) *)

Definition excess t := (2 * t + 4) * (t * ln t - t + 1) - 3 * (t - 1) ^ 2.
Definition excess' t := 4 * (t + 1) * ln t - 8 * (t - 1).
Definition excess'' t := 4 * (ln t + / t - 1).

Lemma excess_slope t : 0 < t -> is_derive excess t (excess' t).
Proof. by move=> ht; rewrite /excess /excess'; auto_derive => //; field; lra. Qed.

Lemma excess_curvature t : 0 < t -> is_derive excess' t (excess'' t).
Proof. by move=> ht; rewrite /excess' /excess''; auto_derive => //; field; lra. Qed.

Lemma excess_is_convex t : 0 < t -> 0 <= excess'' t.
Proof.
move=> ht; have := exp_ge1x (- ln t); rewrite exp_Ropp exp_ln // /excess''; lra.
Qed.

Lemma excess_nonnegative t : 0 < t -> 0 <= excess t.
Proof.
move=> ht; have e0 : excess 1 = 0 by rewrite /excess ln_1; ring.
have e1 : excess' 1 = 0 by rewrite /excess' ln_1; ring.
case: (Rtotal_order t 1) => [lt|[->|gt]]; last 2 first.
- lra.
- rewrite -e0; apply: (never_falls_where_derivative_nonnegative (df := excess')) => // [x hx|x hx].
    by apply: excess_slope; lra.
  rewrite -e1; apply: (never_falls_where_derivative_nonnegative (df := excess'')) => [|z hz|z hz]; first lra.
    by apply: excess_curvature; lra.
  by apply: excess_is_convex; lra.
have := @never_falls_where_derivative_nonnegative (fun x => - excess x) (fun x => - excess' x) t 1 lt.
rewrite e0 => k; suff: - excess t <= - 0 by lra.
apply: k => x hx.
  by apply: (is_derive_opp (K := R_AbsRing) (V := R_NormedModule)); apply: excess_slope; lra.
have : excess' x <= excess' 1; last lra.
apply: (never_falls_where_derivative_nonnegative (df := excess'')) => [|z hz|z hz]; first lra.
  by apply: excess_curvature; lra.
by apply: excess_is_convex; lra.
Qed.

(** the same for two masses, p = 0 included, and both 0 *)
Lemma pointwise_pinsker p q : 0 <= p -> 0 <= q -> (q = 0 -> p = 0) ->
  3 * (p - q) ^ 2 <= (2 * p + 4 * q) * (p * ln (p / q) - p + q).
Proof.
move=> p0 [hq|e] pq; last by rewrite -e pq //; nra.
case: p0 => [hp|<-]; last by nra.
have := excess_nonnegative (div_pos hp hq); rewrite /excess => k.
have := Rmult_le_compat_l (q * q) _ _ ltac:(nra) k; rewrite Rmult_0_r.
have -> : q * q * ((2 * (p / q) + 4) * (p / q * ln (p / q) - p / q + 1) - 3 * (p / q - 1) ^ 2)
  = (2 * p + 4 * q) * (p * ln (p / q) - p + q) - 3 * (p - q) ^ 2 by field; lra.
lra.
Qed.

Lemma xlnx_ge' p q : 0 <= p -> 0 <= q -> (q = 0 -> p = 0) -> p - q <= p * ln (p / q).
Proof. by move=> hp [hq|e] pq; [exact: xlnx_ge|rewrite -e pq //; lra]. Qed.

Section Pinsker.
Variable T : finType.
Implicit Types p q s : T -> R.

Definition distance p q := \Sum_y Rabs (p y - q y).

Lemma distance_nonnegative p q : 0 <= distance p q.
Proof. by apply: sum_ge0 => y _; exact: Rabs_pos. Qed.

Lemma KL_nonnegative p q : policy p -> policy q -> (forall y, q y = 0 -> p y = 0) -> 0 <= KL p q.
Proof.
move=> [hp sp] [hq sq] pq.
have: \Sum_y (p y - q y) <= KL p q by apply: sum_le => y; apply: xlnx_ge' => //; exact: pq.
by rewrite sumB sp sq; lra.
Qed.

(** q may have zeros where p has them too *)
Theorem pinsker p q : policy p -> policy q -> (forall y, q y = 0 -> p y = 0) -> distance p q ^ 2 <= 2 * KL p q.
Proof.
move=> [hp sp] [hq sq] pq; set D := distance p q.
have hD : 0 <= D by exact: distance_nonnegative.
have KL0 : 0 <= KL p q by exact: KL_nonnegative.
case: hD => [hD|<-]; last by nra.
(* |d| <= d^2 t / (2 w) + w / (2 t) with w = (2 p + 4 q) / 3, of total mass 2, and t = 2 / D *)
pose k y := p y * ln (p y / q y) - p y + q y.
have kw y : Rabs (p y - q y) <= k y * / D + (2 * p y + 4 * q y) * D / 12.
  have := pointwise_pinsker (hp y) (hq y) (pq y); rewrite -/(k y) => h3.
  have hk : 0 <= k y by rewrite /k; have := xlnx_ge' (hp y) (hq y) (pq y); lra.
  case: (Req_dec (q y) 0) => [q0|q0]; first by rewrite /k q0 (pq y q0) Rminus_0_r Rabs_R0; nra.
  have hw : 0 < 2 * p y + 4 * q y by have := hp y; have := hq y; lra.
  set d := Rabs (p y - q y); have hd : 0 <= d by exact: Rabs_pos.
  have ed : d ^ 2 = (p y - q y) ^ 2 by rewrite /d pow2_abs.
  set w := 2 * p y + 4 * q y in h3 hw *.
  have h4 : 3 * d ^ 2 <= w * k y by lra.
  apply: (Rmult_le_reg_r (12 * w * D)); first by apply: Rmult_lt_0_compat; lra.
  have -> : (k y * / D + w * D / 12) * (12 * w * D) = 12 * (w * k y) + (w * D) ^ 2 by field; lra.
  have := pow2_ge_0 (6 * d - w * D); nra.
have : D <= \Sum_y (k y * / D + (2 * p y + 4 * q y) * D / 12) by exact: sum_le.
have -> : \Sum_y (k y * / D + (2 * p y + 4 * q y) * D / 12) = / D * KL p q + D / 2.
  transitivity (\Sum_y (/ D * (p y * ln (p y / q y)) + ((D / 6 - / D) * p y + (D / 3 + / D) * q y))).
    by apply: eq_bigr => y _; rewrite /k; field; lra.
  by rewrite !sumD !sumZ sp sq -/(KL p q); field; lra.
move=> h; have := Rmult_le_compat_l D _ _ (Rlt_le _ _ hD) h.
have -> : D * (/ D * KL p q + D / 2) = KL p q + D ^ 2 / 2 by field; lra.
lra.
Qed.

(** ** Mixtures: how much convexity KL has to a common star *)

Definition mix t p q y := (1 - t) * p y + t * q y.

Lemma mix_policy t p q : 0 <= t <= 1 -> policy p -> policy q -> policy (mix t p q).
Proof.
move=> ht [hp sp] [hq sq]; split=> [y|]; first by rewrite /mix; have := hp y; have := hq y; nra.
by rewrite /mix sumD !sumZ sp sq; lra.
Qed.

Lemma mix_zero t p q y : 0 < t < 1 -> policy p -> policy q -> mix t p q y = 0 -> p y = 0 /\ q y = 0.
Proof. by move=> ht [hp _] [hq _]; rewrite /mix; have := hp y; have := hq y; split; nra. Qed.

Lemma KL_of_mix t p q s : 0 < t < 1 -> policy p -> policy q -> full s ->
  (1 - t) * KL p s + t * KL q s
  = KL (mix t p q) s + (1 - t) * KL p (mix t p q) + t * KL q (mix t p q).
Proof.
move=> ht hp hq hs; set z := mix t p q.
rewrite /KL -!sumZ -!sumD; apply: eq_bigr => y _.
have term a : 0 <= a -> (z y = 0 -> a = 0) -> a * ln (a / s y) = a * ln (a / z y) + a * ln (z y / s y).
  move=> [ha|<-] az; last lra.
  have hz : 0 < z y.
    have [z0 _] := mix_policy (t := t) ltac:(lra) hp hq.
    by case: (z0 y) => [//|e]; have := az (esym e); lra.
  by rewrite (ln_div ha (hs.1 y)) (ln_div ha hz) (ln_div hz (hs.1 y)); lra.
rewrite (term (p y)) ?(term (q y)); [|exact: hq.1|by case/mix_zero|exact: hp.1|by case/mix_zero].
set a := ln (p y / z y); set b := ln (q y / z y); set c := ln (z y / s y).
by have -> : z y = (1 - t) * p y + t * q y by []; ring.
Qed.

Lemma distance_to_mix t p q : 0 <= t <= 1 -> distance q (mix t p q) = (1 - t) * distance p q.
Proof.
move=> ht; rewrite /distance -sumZ; apply: eq_bigr => y _.
rewrite /mix (_ : q y - _ = (1 - t) * - (p y - q y)); last ring.
by rewrite Rabs_mult Rabs_Ropp (Rabs_right (1 - t)); lra.
Qed.

Lemma distance_sym p q : distance p q = distance q p.
Proof. by apply: eq_bigr => y _; exact: Rabs_minus_sym. Qed.

(** At the midpoint KL is lower by an eighth of the squared distance. *)
Lemma KL_midpoint p q s : policy p -> policy q -> full s ->
  2 * KL (mix (/ 2) p q) s + distance p q ^ 2 / 4 <= KL p s + KL q s.
Proof.
move=> hp hq hs; have ht : 0 < / 2 < 1 by lra.
have hz := mix_policy (t := / 2) ltac:(lra) hp hq.
have := KL_of_mix ht hp hq hs.
have := pinsker hp hz (fun y e => (mix_zero ht hp hq e).1).
have := pinsker hq hz (fun y e => (mix_zero ht hp hq e).2).
rewrite distance_to_mix; last lra.
have -> : distance p (mix (/ 2) p q) = / 2 * distance p q.
  rewrite /distance -sumZ; apply: eq_bigr => y _; rewrite /mix (_ : p y - _ = / 2 * (p y - q y)); last lra.
  by rewrite Rabs_mult (Rabs_right (/ 2)); lra.
have -> : (1 - / 2) * distance p q = / 2 * distance p q by lra.
have -> : (/ 2 * distance p q) ^ 2 = distance p q ^ 2 / 4 by field.
lra.
Qed.

(** KL to s falls towards p by no less than KL(q || p) as long as no mixture is lower than p. *)
Lemma KL_pythagoras p q s : policy p -> policy q -> full s ->
  (forall t, 0 < t < 1 -> KL p s <= KL (mix t p q) s) -> distance p q ^ 2 <= 2 * (KL q s - KL p s).
Proof.
move=> hp hq hs least; apply: Rnot_lt_le => gt.
have D0 := distance_nonnegative p q; set D := distance p q in gt D0 *.
have key t : 0 < t < 1 -> ((1 - t) * D) ^ 2 <= 2 * (KL q s - KL p s).
  move=> ht; have hz := mix_policy (t := t) ltac:(lra) hp hq.
  have := pinsker hq hz (fun y e => (mix_zero ht hp hq e).2); rewrite distance_to_mix -/D; last lra.
  have := KL_nonnegative hp hz (fun y e => (mix_zero ht hp hq e).1).
  have := KL_of_mix ht hp hq hs; have := least t ht => h1 h2 h3 h4.
  have : t * KL q (mix t p q) <= t * (KL q s - KL p s) by nra.
  by move=> h5; have := Rmult_le_reg_l t _ _ ltac:(lra) h5; lra.
have hD : 0 < D by case: D0 => [//|e]; have := key (/ 2) ltac:(lra); rewrite -e; have := pow2_ge_0 D; nra.
set G := KL q s - KL p s in gt key.
pose t := (D ^ 2 - 2 * G) / (4 * D ^ 2).
have hD2 : 0 < D ^ 2 by nra.
have hG : 0 <= G by have := key (/ 2) ltac:(lra); have := pow2_ge_0 ((1 - / 2) * D); lra.
have et : t * (4 * D ^ 2) = D ^ 2 - 2 * G by rewrite /t; field; lra.
have ht : 0 < t < 1 by split; nra.
have := key t ht; nra.
Qed.
End Pinsker.
