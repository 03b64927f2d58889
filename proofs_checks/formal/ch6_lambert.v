(** Chapter 6. Stationary policies of Eq. 10 through Lambert W: the real solutions of w e^w = v. *)
From Coq Require Import Reals Lra Psatz.
From Coquelicot Require Import Coquelicot.
From mathcomp Require Import ssreflect ssrfun ssrbool eqtype ssrnat seq choice fintype bigop.
From Formal Require Import definitions sums ch1_rlhf calculus definitions_cpo claims_cpo.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Open Scope R_scope.

(** ** w e^w falls to -1/e at -1, and rises from there *)

Definition product w := w * exp w.

Lemma product_slope w : is_derive product w ((1 + w) * exp w).
Proof. by rewrite /product; auto_derive => //; ring. Qed.

Lemma product_rises a b : -1 <= a -> a < b -> product a < product b.
Proof.
move=> ha ab; apply: (rises_where_derivative_positive ab (fun x _ => product_slope x)) => x hx.
by apply: Rmult_lt_0_compat; [lra|exact: exp_pos].
Qed.

Lemma product_falls a b : b <= -1 -> a < b -> product b < product a.
Proof.
move=> hb ab; apply: (falls_where_derivative_negative ab (fun x _ => product_slope x)) => x hx.
by have := exp_pos x; nra.
Qed.

Lemma product_bottom : product (-1) = - exp (- (1)).
Proof. by rewrite /product (_ : -1 = - (1)); [ring|lra]. Qed.

Lemma product_above_bottom x : x <> -1 -> - exp (- (1)) < product x.
Proof.
rewrite -product_bottom => ne; case: (Rtotal_order x (-1)) => [lt|[//|gt]]; first by apply: product_falls; lra.
by apply: product_rises; lra.
Qed.

(** one solution on each side of -1 at most *)
Lemma right_side_injective a b : -1 <= a -> -1 <= b -> product a = product b -> a = b.
Proof.
move=> ha hb e; case: (Rtotal_order a b) => [lt|[//|gt]]; first by have := product_rises ha lt; lra.
by have := product_rises hb gt; lra.
Qed.
Lemma left_side_injective a b : a <= -1 -> b <= -1 -> product a = product b -> a = b.
Proof.
move=> ha hb e; case: (Rtotal_order a b) => [lt|[//|gt]]; first by have := product_falls hb lt; lra.
by have := product_falls ha gt; lra.
Qed.

Lemma negative_product x : product x < 0 -> x < 0.
Proof. by move=> h; apply: Rnot_le_lt => hx; have := exp_pos x; rewrite /product in h; nra. Qed.

Lemma upper_branch v : 0 <= v -> exists w, product w = v /\ forall x, product x = v -> x = w.
Proof.
move=> hv; have e1 := exp_pos (- (1)).
have [w [hw e]] := @takes_values_between product (fun x => (1 + x) * exp x) (-1) (v + 1) v ltac:(lra)
  (fun x _ => product_slope x) ltac:(rewrite product_bottom /product; have := exp_ge1x (v + 1); nra).
exists w; split=> // x ex; apply: right_side_injective; [|lra|lra].
by apply: Rnot_lt_le => lt; have := exp_pos x; rewrite /product in ex; nra.
Qed.

(** x e^-x <= 4/x, so w e^w comes back to 0 on the far left *)
Lemma far_left L : 0 < L -> - (4 / L) <= product (- L).
Proof.
move=> hL; rewrite /product exp_Ropp; have hE := exp_pos L.
have e : exp L = exp (L / 2) * exp (L / 2) by rewrite -exp_plus; congr exp; field.
have h1 := exp_ge1x (L / 2).
have big : L * L / 4 <= exp L by rewrite e; nra.
apply: (Rmult_le_reg_r (L * exp L)); first exact: Rmult_lt_0_compat.
have -> : - (4 / L) * (L * exp L) = - (4 * exp L) by field; lra.
by rewrite (_ : - L * / exp L * (L * exp L) = - (L * L)); [lra|field; lra].
Qed.

Lemma two_branches v : - exp (- (1)) < v < 0 -> exists a b, a < -1 < b /\ b < 0 /\ product a = v /\ product b = v /\
  forall x, product x = v -> x = a \/ x = b.
Proof.
move=> hv.
have p0 : product 0 = 0 by rewrite /product; ring.
have [b [hb eb]] := @takes_values_between product (fun x => (1 + x) * exp x) (-1) 0 v ltac:(lra)
  (fun x _ => product_slope x) ltac:(rewrite product_bottom p0; lra).
pose L := 4 / - v + 1.
have hL : 1 < L by rewrite /L; have := @div_pos 4 (- v) ltac:(lra) ltac:(lra); lra.
have far : v <= product (- L).
  have h1 := @far_left L ltac:(lra).
  have : 4 / L <= - v; last lra.
  apply: (Rmult_le_reg_r L); first lra.
  have -> : 4 / L * L = 4 by field; lra.
  have : 4 / - v * - v = 4 by field; lra.
  by rewrite /L; nra.
have slope x : - L <= x <= -1 -> is_derive (fun x => - product x) x (- ((1 + x) * exp x)).
  by move=> _; apply: (is_derive_opp (K := R_AbsRing) (V := R_NormedModule)); exact: product_slope.
have between : - product (- L) <= - v <= - product (-1) by rewrite product_bottom; lra.
have [a [ha ea]] := @takes_values_between (fun x => - product x) _ (- L) (-1) (- v) ltac:(lra) slope between.
have ea' : product a = v by lra.
have not_bottom x : product x = v -> x <> -1 by move=> ex e; rewrite e product_bottom in ex; lra.
exists a, b; split; first by have := not_bottom a ea'; have := not_bottom b eb; lra.
split; first by apply: negative_product; lra.
split=> //; split=> // x ex; have [le|ge] := Rle_lt_dec x (-1).
  by left; apply: left_side_injective; lra.
by right; apply: right_side_injective; lra.
Qed.

Theorem eq_13_lambert_proved : eq_13_lambert.
Proof.
split; last first.
  split; first exact: upper_branch.
  split; first exact: two_branches.
  split=> [x|v x lt e].
    split=> [e|->]; last exact: product_bottom.
    by have [//|ne] := Req_dec x (-1); have := product_above_bottom ne; rewrite /product; lra.
  have [e1|ne] := Req_dec x (-1); first by have := product_bottom; rewrite -e1 /product; lra.
  by have := product_above_bottom ne; rewrite /product; lra.
move=> T ref r p beta gamma n nu href hb hg hp kappa star.
have hk : kappa <> 0 by rewrite /kappa /Rdiv; apply: Rmult_integral_contrapositive; split=> //; apply:
  Rinv_neq_0_compat; lra.
have spos y : 0 < star y by exact: (star_full r beta href).1.
have expand y x : ln (p y) = ln (star y) + x - nu <-> p y = star y * exp x * exp (- nu).
  have hpy := hp.1 y; split=> [e|->]; last first.
    have hse := Rmult_lt_0_compat _ _ (spos y) (exp_pos x).
    by rewrite (ln_mult _ _ hse (exp_pos _)) (ln_mult _ _ (spos y) (exp_pos x)) !ln_exp; lra.
  by rewrite -(exp_ln _ hpy) e /Rminus !exp_plus exp_ln.
split=> [st y|form y]; have hpy := hp.1 y.
  have e := st y; split=> [c0|c1].
    have := (expand y 0).1; rewrite exp_0 Rmult_1_r; apply; move: e; rewrite c0 => ->; rewrite /Rdiv; ring.
  exists (kappa * balance n y / p y); split; last by field; lra.
  have := (expand y (kappa * balance n y / p y)).1 e => ep.
  have -> : exp (kappa * balance n y / p y) = p y * exp nu / star y.
    rewrite {2}ep exp_Ropp; have := exp_pos nu; have := spos y => h1 h2; field; lra.
  by have := spos y => h1; field; lra.
have [c0|c1] := Req_dec (balance n y) 0.
  by apply/expand; rewrite c0 ((form y).1 c0) /Rdiv Rmult_0_r Rmult_0_l exp_0; ring.
have [w [ew ep]] := (form y).2 c1.
have w0 : w <> 0.
  move=> e; move: ew; rewrite e Rmult_0_l => ez.
  have := Rmult_integral_contrapositive (kappa * balance n y) (exp nu / star y) => k.
  have : kappa * balance n y * exp nu / star y <> 0; last by rewrite -ez.
  rewrite /Rdiv Rmult_assoc; apply: k; split; first by apply: Rmult_integral_contrapositive.
  by have := div_pos (exp_pos nu) (spos y); rewrite /Rdiv; lra.
have wp : w = kappa * balance n y / p y by rewrite ep; field; repeat split.
apply/expand; rewrite -wp; apply: (Rmult_eq_reg_l w) => //.
have -> : w * (star y * exp w * exp (- nu)) = star y * (w * exp w) * exp (- nu) by ring.
rewrite ew exp_Ropp {1}wp; have := exp_pos nu; have := spos y => h1 h2; field; lra.
Qed.
