(** Chapter 6. What suffices for a local maximum of Eq. 10, and why Theorem 4.9's third response needs
  delta_star < 0. *)
From Coq Require Import Reals Lra Psatz FunctionalExtensionality.
From Coquelicot Require Import Coquelicot.
From mathcomp Require Import ssreflect ssrfun ssrbool eqtype ssrnat seq choice fintype bigop.
From Formal Require Import definitions sums softplus ch1_rlhf calculus existence definitions_cpo ch6_any_responses.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Open Scope R_scope.

(** -(t + s) log t + (1 + s)(t - 1) is concave from s on, and 0 with slope 0 at t = 1. *)
Lemma concave_beyond s t : 0 < s < 1 -> s <= t -> - (t + s) * ln t + (1 + s) * (t - 1) <= 0.
Proof.
move=> hs st; pose f x := - (x + s) * ln x + (1 + s) * (x - 1); pose f' x := - ln x - s / x + s.
pose f'' x := (s - x) / x ^ 2.
have d x : 0 < x -> is_derive f x (f' x) by move=> hx; rewrite /f /f'; auto_derive => //; field; lra.
have d' x : 0 < x -> is_derive f' x (f'' x) by move=> hx; rewrite /f' /f''; auto_derive; [repeat split; lra|field; lra].
have f1 : f 1 = 0 by rewrite /f ln_1; ring.
have f1' : f' 1 = 0 by rewrite /f' ln_1; field.
have falls a b : s <= a -> a < b -> f' b <= f' a.
  move=> sa ab; have [|c [hc e]] := mean_value (f := f') (df := f'') ab; first by move=> x hx; apply: d'; lra.
  have : f'' c <= 0; last by nra.
  rewrite /f'' /Rdiv; have : 0 < / c ^ 2 by apply: Rinv_0_lt_compat; nra.
  by nra.
rewrite -/(f t) -f1; case: (Rtotal_order t 1) => [lt|[->|gt]]; last 2 first.
- lra.
- have [|c [hc e]] := mean_value (f := f) (df := f') gt; first by move=> x hx; apply: d; lra.
  by have := @falls 1 c ltac:(lra) ltac:(lra); nra.
have [|c [hc e]] := mean_value (f := f) (df := f') lt; first by move=> x hx; apply: d; lra.
by have := @falls c 1 ltac:(lra) ltac:(lra); nra.
Qed.

Section Sufficient.
Variables (T : finType) (ref r : T -> R) (beta gamma : R) (n : T -> T -> R) (p : T -> R) (nu : R).
Hypotheses (href : full ref) (hb : 0 < beta) (hp : full p).
Notation F := (penalised ref r beta gamma n).
Notation c := (balance n).
Notation kappa := (gamma / beta).
Hypothesis stationary_at : forall y, ln (p y) = ln (pi_star ref r beta y) + kappa * c y / p y - nu.
Hypothesis curved : forall y, - (kappa * c y) < p y.

Lemma term_falls y q : 0 < q -> Rmax 0 (- (kappa * c y)) <= q ->
  - (q * ln (q / p y)) + (q - p y) - kappa * c y * ((q - p y) / p y - ln (q / p y)) <= 0.
Proof.
move=> hq hmax; have py := hp.1 y; set a := kappa * c y in hmax *.
have gibbs := xlnx_ge (Rlt_le _ _ hq) py.
have convex : 0 <= (q - p y) / p y - ln (q / p y).
  have := exp_ge1x (ln (q / p y)); rewrite exp_ln; last exact: div_pos.
  by rewrite (_ : (q - p y) / p y = q / p y - 1); [lra|field; lra].
have [ha|ha] := Rle_lt_dec 0 a; first by have := Rmult_le_pos _ _ ha convex; lra.
pose s := - a / p y; pose t := q / p y.
have hs : 0 < s < 1.
  have := curved y; rewrite -/a => hc; split; first by apply: div_pos; lra.
  by apply: (Rmult_lt_reg_r (p y)) => //; rewrite /s /Rdiv Rmult_assoc Rinv_l; lra.
have st : s <= t by apply: Rmult_le_compat_r; [exact/Rlt_le/Rinv_0_lt_compat|have := Rmax_r 0 (- a); lra].
have := concave_beyond hs st.
have -> : - (q * ln (q / p y)) + (q - p y) - a * ((q - p y) / p y - ln (q / p y))
  = p y * (- (t + s) * ln t + (1 + s) * (t - 1)) by rewrite /s /t; field; lra.
by nra.
Qed.

Theorem stationary_and_curved_is_local_maximum : local_maximum F p.
Proof.
split=> //.
have [eps [he small]] : exists eps, 0 < eps /\ forall y, eps <= p y - Rmax 0 (- (kappa * c y)).
  pose S := \Sum_y (/ (p y - Rmax 0 (- (kappa * c y)))).
  have pos y : 0 < p y - Rmax 0 (- (kappa * c y)).
    by have := hp.1 y; have := curved y; rewrite /Rmax; case: Rle_dec; lra.
  have ipos y : 0 <= / (p y - Rmax 0 (- (kappa * c y))) by exact/Rlt_le/Rinv_0_lt_compat.
  have hS : 0 <= S by exact: sum_ge0.
  exists (/ (S + 1)); split=> [|y]; first by apply: Rinv_0_lt_compat; lra.
  have le := term_le_sum (f := fun y => / (p y - Rmax 0 (- (kappa * c y)))) y ipos.
  rewrite -[X in _ <= X]Rinv_inv; apply: Rinv_le_contravar; first exact: Rinv_0_lt_compat.
  by rewrite /S; lra.
exists eps; split=> // q hq near.
have gap : F q - F p = beta * \Sum_y (- (q y * ln (q y / p y)) + (q y - p y)
    - kappa * c y * ((q y - p y) / p y - ln (q y / p y))).
  have jq := J_is_V_less_KL r href hb (full_policy hq); have jp := J_is_V_less_KL r href hb (full_policy hp).
  rewrite !penalised_by_balance jq jp.
  suff: \Sum_y (- (q y * ln (q y / p y)) + (q y - p y) - kappa * c y * ((q y - p y) / p y - ln (q y / p y)))
      = KL p (pi_star ref r beta) - KL q (pi_star ref r beta)
        + kappa * (\Sum_y (c y * ln (q y)) - \Sum_y (c y * ln (p y))) by move=> ->; field; lra.
  have mass : \Sum_y ((1 - nu) * (q y - p y)) = 0 by rewrite sumZ sumB hq.2 hp.2; ring.
  transitivity (\Sum_y (p y * ln (p y / pi_star ref r beta y) - q y * ln (q y / pi_star ref r beta y)
      + kappa * (c y * ln (q y) - c y * ln (p y)) + (1 - nu) * (q y - p y))); last first.
    by rewrite sumD sumD mass sumB sumZ sumB /KL; ring.
  apply: eq_bigr => y _.
  have hs := (star_full r beta href).1 y; have py := hp.1 y; have qy := hq.1 y.
  have -> : ln (p y / pi_star ref r beta y) = kappa * c y / p y - nu by rewrite ln_div // stationary_at; lra.
  have -> : ln (q y / pi_star ref r beta y) = ln (q y) - ln (p y) + kappa * c y / p y - nu.
    by rewrite ln_div // stationary_at; lra.
  by rewrite ln_div //; field; lra.
suff: F q - F p <= 0 by lra.
rewrite gap; suff: \Sum_y (- (q y * ln (q y / p y)) + (q y - p y)
    - kappa * c y * ((q y - p y) / p y - ln (q y / p y))) <= \big[Rplus/0]_(y : T) 0 by rewrite sum0; nra.
apply: sum_le => y; apply: term_falls; first exact: hq.1.
by have := small y; have /Rabs_def2 [] := near y; lra.
Qed.
End Sufficient.
