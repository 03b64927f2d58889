(** The penalised objective (Eq. 10) on two responses: the curve G, its summit F, local maxima, Theorem 4.9. *)
From Coq Require Import Reals Lra.
From mathcomp Require Import ssreflect ssrfun ssrbool eqtype ssrnat seq choice fintype bigop.
From Coquelicot Require Import Coquelicot.
From Formal Require Import definitions sums softplus calculus definitions_cpo.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Open Scope R_scope.

Section Level.
Variable kappa : R.
Hypothesis hk : 0 < kappa.
Definition top := arcsinh (1 / (2 * kappa)).

Lemma sinh_top : 2 * kappa * sinh top = 1.
Proof. by rewrite /top sinh_arcsinh; field; lra. Qed.

Lemma sinh_lt x y : x < y -> sinh x < sinh y.
Proof.
move=> h; rewrite /sinh; have := exp_increasing _ _ h; have := exp_increasing (- y) (- x) ltac:(lra); lra.
Qed.

Lemma top_positive : 0 < top.
Proof.
have [//|h] := Rlt_le_dec 0 top; have e := sinh_top.
have : sinh top <= 0 by case: h => [/sinh_lt|->]; rewrite sinh_0; lra.
nra.
Qed.

Lemma level_derivative d : is_derive (level kappa) d (1 - 2 * kappa * sinh d).
Proof. by rewrite /level /cosh /sinh; auto_derive => //; field. Qed.

Lemma level_rises a b : a < b -> b <= top -> level kappa a < level kappa b.
Proof.
move=> hab hb; apply: (rises_where_derivative_positive hab (fun x _ => level_derivative x)) => x hx.
have := @sinh_lt x top ltac:(lra); have := sinh_top; nra.
Qed.

Lemma level_falls a b : a < b -> top <= a -> level kappa b < level kappa a.
Proof.
move=> hab ha; apply: (falls_where_derivative_negative hab (fun x _ => level_derivative x)) => x hx.
have := @sinh_lt top x ltac:(lra); have := sinh_top; nra.
Qed.

Lemma cosh_sinh x : 0 < cosh x /\ cosh x * cosh x = 1 + sinh x * sinh x.
Proof.
rewrite /cosh /sinh; have h1 := exp_pos x; have h2 := exp_pos (- x); split; first lra.
have e : exp x * exp (- x) = 1 by rewrite -exp_plus Rplus_opp_r exp_0.
nra.
Qed.

Lemma summit_is_level_at_top : summit kappa = level kappa top.
Proof.
have [hc e] := cosh_sinh top.
suff : sqrt (4 * kappa ^ 2 + 1) = 2 * kappa * cosh top by rewrite /summit -/top /level; lra.
have -> : 4 * kappa ^ 2 + 1 = (2 * kappa * cosh top) * (2 * kappa * cosh top).
  have := sinh_top; nra.
by apply: sqrt_square; nra.
Qed.

Lemma level_below_summit d : level kappa d <= summit kappa.
Proof.
rewrite summit_is_level_at_top; case: (Rtotal_order d top) => [h|[->|h]]; last 1 first.
- by apply/Rlt_le/level_falls => //; lra.
- by apply/Rlt_le/level_rises => //; lra.
- lra.
Qed.

Lemma level_at_zero : level kappa 0 = - 4 * kappa.
Proof. by rewrite /level cosh_0; lra. Qed.

(** Below the summit every level is taken once on the rising side: at the smaller root. *)
Lemma smaller_root v : v < summit kappa -> exists d, d < top /\ level kappa d = v.
Proof.
rewrite summit_is_level_at_top => hv.
pose a := Rmin (v - 1) (top - 1).
have h1 := Rmin_l (v - 1) (top - 1); have h2 := Rmin_r (v - 1) (top - 1); rewrite -/a in h1 h2.
have [hc _] := cosh_sinh a.
have la : level kappa a <= v by rewrite /level; nra.
have [x [hx e]] := @takes_values_between _ _ a top v ltac:(lra) (fun x _ => level_derivative x) ltac:(lra).
exists x; split=> //; case: (Req_dec x top) => [ex|]; last lra.
by rewrite ex in e; lra.
Qed.
End Level.

(** gamma-max and gamma-window *)
Lemma level_falls_in_kappa k1 k2 d : k1 < k2 -> level k2 d < level k1 d.
Proof. by move=> h; rewrite /level; have [hc _] := cosh_sinh d; nra. Qed.

Theorem summit_falls k1 k2 : 0 < k1 < k2 -> summit k2 < summit k1.
Proof.
move=> [h1 h2]; rewrite (summit_is_level_at_top (kappa := k2)); last lra.
apply: Rlt_le_trans (level_below_summit h1 (top k2)); exact: level_falls_in_kappa.
Qed.

Theorem summit_slope k : 0 < k -> is_derive summit k (- 2 - sqrt (4 * k ^ 2 + 1) / k).
Proof.
move=> hk.
have hs x : 0 < 4 * x ^ 2 + 1 by have := pow2_ge_0 x; lra.
pose g x := ln (1 + sqrt (4 * x ^ 2 + 1)) - ln (2 * x) - 2 * x - sqrt (4 * x ^ 2 + 1).
have e x : 0 < x -> g x = summit x.
  move=> hx; rewrite /summit /g /arcsinh; congr (_ - _ - _).
  have hr := sqrt_lt_R0 _ (hs x).
  rewrite -ln_div; [|lra|lra]; congr ln.
  have -> : (1 / (2 * x)) ^ 2 + 1 = (4 * x ^ 2 + 1) * (/ (2 * x)) ^ 2 by field; lra.
  have ix : 0 < / (2 * x) by apply: Rinv_0_lt_compat; lra.
  rewrite sqrt_mult; [|have := hs x; lra|have := pow2_ge_0 (/ (2 * x)); lra].
  by rewrite sqrt_pow2; [field; lra|lra].
apply: (is_derive_ext_loc g).
  exists (mkposreal _ hk) => y /Rabs_def2 [_]; rewrite /minus /plus /opp /= => hy; apply: e; lra.
have hr := sqrt_lt_R0 _ (hs k); have sq : sqrt (4 * k ^ 2 + 1) * sqrt (4 * k ^ 2 + 1) = 4 * k ^ 2 + 1.
  by apply: sqrt_sqrt; have := hs k; lra.
have hk4 : 0 < 4 * (k * (k * 1)) + 1 by exact: hs.
rewrite /g; auto_derive; first by have := sqrt_lt_R0 _ hk4; repeat split; lra.
rewrite -[k * (k * 1)]/(k ^ 2).
set s := sqrt _ in hr sq *; have e4 : 4 * k ^ 2 = s * s - 1 by lra.
have e5 : k * k = (s * s - 1) / 4 by lra.
field_simplify_eq; last lra.
by rewrite (_ : -4 * k ^ 2 = 1 - s * s); [ring|lra].
Qed.

(** F takes every value exactly once: kappa_max is well defined. *)
Theorem summit_takes_each_value_once v : exists k, (0 < k /\ summit k = v) /\ forall k', 0 < k' ->
  (summit k' = v -> k' = k) /\ (v < summit k' <-> k' < k).
Proof.
have above d k : 0 < k -> level k d <= summit k by move=> hk; exact: level_below_summit.
pose d := Rabs v + 1; have [hc _] := cosh_sinh d.
pose k1 := / (2 * (1 + cosh d)) / 2.
have hi : 0 < / (2 * (1 + cosh d)) by apply: Rinv_0_lt_compat; lra.
have small : v < summit k1.
  apply: Rlt_le_trans (above d k1 _); last by rewrite /k1; lra.
  rewrite /level /k1 (_ : 2 * _ * _ = / 2); last by field; lra.
  by have := Rle_abs v; rewrite /d; lra.
pose k2 := Rabs v + 1; have hk2 : 0 < k2 by rewrite /k2; have := Rabs_pos v; lra.
have big : summit k2 < v.
  rewrite (summit_is_level_at_top hk2) /level; have [hc2 e2] := cosh_sinh (top k2).
  have hsq : sinh (top k2) = / (2 * k2) by have := sinh_top hk2; move=> e; field_simplify_eq; lra.
  have ht : top k2 <= cosh (top k2).
    have et : exp (top k2) = exp (top k2 / 2) * exp (top k2 / 2) by rewrite -exp_plus; congr exp; field.
    have := exp_pos (- top k2); have := exp_ge1x (top k2 / 2); have := top_positive hk2.
    rewrite /cosh et; set t := top k2; set E := exp (t / 2) => h1 h2 h3.
    have : (1 + t / 2) * (1 + t / 2) <= E * E by apply: Rmult_le_compat; lra.
    by have := Rle_0_sqr (1 - t / 2); rewrite /Rsqr; lra.
  have := Rle_abs (- v); rewrite Rabs_Ropp => hv.
  have : 0 <= (k2 - 1) * cosh (top k2) by apply: Rmult_le_pos; [have := Rabs_pos v; rewrite /k2; lra|lra].
  by have e3 : k2 = Rabs v + 1 by []; nra.
have hk1 : 0 < k1 by rewrite /k1; lra.
have k12 : k1 < k2.
  case: (Rtotal_order k1 k2) => [//|[e|gt]]; first by move: small; rewrite e; lra.
  by have := summit_falls (k1 := k2) (k2 := k1) ltac:(lra); lra.
have slope x : k1 <= x <= k2 -> is_derive (fun x => - summit x) x (- (- 2 - sqrt (4 * x ^ 2 + 1) / x)).
  move=> hx; apply: (is_derive_opp (K := R_AbsRing) (V := R_NormedModule)); apply: summit_slope; lra.
have [|k [hk e]] := takes_values_between (v := - v) k12 slope; first by split; lra.
exists k; split; first by split; lra.
move=> k' hk'; case: (Rtotal_order k' k) => [lt|[->|gt]]; last 2 first.
- by split=> //; split; lra.
- by have := summit_falls (k1 := k) (k2 := k') ltac:(lra); split; [|split]; lra.
by have := summit_falls (k1 := k') (k2 := k) ltac:(lra); split; [|split]; lra.
Qed.

(** The window is open: at gamma* = - beta margin_star / 4 the summit still lies above margin_star = - 4 kappa*. *)
Theorem summit_above_level_at_zero k : 0 < k -> 0 < summit k + 4 * k.
Proof.
move=> hk; have := level_rises hk (top_positive hk) (Rle_refl _).
by rewrite -summit_is_level_at_top // level_at_zero; lra.
Qed.
