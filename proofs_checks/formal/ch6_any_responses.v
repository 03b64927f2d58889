(** Eq. 10 for any responses and any labels: no maximiser, stationary policies, what suffices for a local maximum. *)
From Coq Require Import Reals Lra FunctionalExtensionality.
From mathcomp Require Import ssreflect ssrfun ssrbool eqtype ssrnat seq choice fintype bigop.
From Coquelicot Require Import Coquelicot.
From Formal Require Import definitions sums softplus ch1_rlhf calculus definitions_cpo claims_cpo.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Open Scope R_scope.

Section AnyLabels.
Variables (T : finType) (ref r : T -> R) (beta gamma : R) (n : T -> T -> R).
Hypotheses (href : full ref) (hb : 0 < beta).
Notation F := (penalised ref r beta gamma n).
Notation c := (balance n).
Notation star := (pi_star ref r beta).
Notation kappa := (gamma / beta).

Lemma sum_indicator (f : T -> R) a : \Sum_y (f y * (if y == a then 1 else 0)) = f a.
Proof. by rewrite -(sum_at f a); apply: eq_bigr => y _; case: ifP => _; lra. Qed.

(** ** Only wins less losses matter *)

Lemma margins_are_balances (f : T -> R) : \Sum_w \Sum_l (n w l * (f w - f l)) = \Sum_y (c y * f y).
Proof.
transitivity (\Sum_w \Sum_l (f w * n w l) - \Sum_w \Sum_l (f l * n w l)).
  by rewrite -sumB; apply: eq_bigr => w _; rewrite -sumB; apply: eq_bigr => l _; lra.
rewrite [\Sum_w \Sum_l (f l * n w l)]exchange_big /= -sumB.
by apply: eq_bigr => y _; rewrite !sumZ /balance; lra.
Qed.

Lemma balances_cancel : \Sum_y c y = 0.
Proof. by rewrite /balance sumB exchange_big /=; lra. Qed.

Lemma penalised_by_balance p : F p = J ref r beta p + gamma * \Sum_y (c y * ln (p y)).
Proof. by rewrite /penalised; congr (_ + _ * _); exact: (margins_are_balances (fun y => ln (p y))). Qed.

(** With one label only its winner and its loser count. *)
Lemma balance_one_label (w l y : T) : balance (one_label w l) y = (if y == w then 1 else 0) - (if y == l then 1 else 0).
Proof.
rewrite /balance; congr (_ - _).
  by rewrite /one_label; case: (y == w); [exact: (sum_at (fun _ => 1) l)|exact: (sum0 T)].
rewrite -(sum_at (fun _ => if y == l then 1 else 0) w); apply: eq_bigr => a _.
by rewrite /one_label; case: (a == w); case: (y == l).
Qed.

(** ** No maximiser *)

Lemma rlhf_bounded p : full p -> - (\Sum_y Rabs (r y)) - beta * (\Sum_y Rabs (ln (ref y))) <= J ref r beta p.
Proof.
move=> hp; have h y : 0 < p y by exact: hp.1.
have h1 : - (\Sum_y Rabs (r y)) <= \Sum_y (p y * r y).
  have -> : - (\Sum_y Rabs (r y)) = (\Sum_y (-1 * Rabs (r y))) by rewrite sumZ; lra.
  apply: sum_le => y; have := Rabs_pos (r y); have := Rle_abs (- r y); rewrite Rabs_Ropp.
  by have := h y; have := policy_le1 y (full_policy hp); nra.
have h2 : KL p ref <= (\Sum_y Rabs (ln (ref y))).
  apply: sum_le => y; rewrite (ln_div (h y) (href.1 y)).
  have : ln (p y) <= 0 by rewrite -ln_1; apply: ln_mono => //; exact: policy_le1 (full_policy hp).
  have := Rabs_pos (ln (ref y)); have := Rle_abs (- ln (ref y)); rewrite Rabs_Ropp.
  by have := h y; have := policy_le1 y (full_policy hp); nra.
by rewrite /J /mean; have := Rmult_le_compat_l _ _ _ (Rlt_le _ _ hb) h2; lra.
Qed.

(** the reference with the mass of [y0] cut by e^-K *)
Definition without (y0 : T) K := normalised (fun y => if y == y0 then ref y * exp (- K) else ref y).

Lemma without_positive y0 K y : 0 < (if y == y0 then ref y * exp (- K) else ref y).
Proof. by case: ifP => _; [apply: Rmult_lt_0_compat; [exact: href.1|exact: exp_pos]|exact: href.1]. Qed.

Theorem penalised_unbounded y0 : 0 < gamma -> c y0 < 0 -> unbounded_above full F.
Proof.
move=> hg hc M.
pose A := - (\Sum_y Rabs (r y)) - beta * (\Sum_y Rabs (ln (ref y))).
pose B := gamma * \Sum_y (c y * ln (ref y)).
pose K := (M - A - B) / (gamma * - c y0) + 1.
have hf : full (without y0 K) by exact: (normalised_full y0 (without_positive y0 K)).
have gc : 0 < gamma * - c y0 by apply: Rmult_lt_0_compat; lra.
exists (without y0 K); split=> //; rewrite penalised_by_balance; have := rlhf_bounded hf; rewrite -/A => hJ.
pose z := ln (\Sum_y (if y == y0 then ref y * exp (- K) else ref y)).
have e y : ln (without y0 K y) = ln (ref y) - K * (if y == y0 then 1 else 0) - z.
  rewrite (ln_normalised y (without_positive y0 K)) -/z.
  by case: eqP => _; rewrite ?(ln_mult _ _ (href.1 y) (exp_pos _)) ?ln_exp; lra.
have -> : \Sum_y (c y * ln (without y0 K y)) = \Sum_y (c y * ln (ref y)) - K * c y0.
  transitivity (\Sum_y (c y * ln (ref y) - K * (c y * (if y == y0 then 1 else 0)) - z * c y)).
    by apply: eq_bigr => y _; rewrite e; lra.
  by rewrite !sumB !sumZ balances_cancel sum_indicator; lra.
have : K * (gamma * - c y0) = M - A - B + gamma * - c y0 by rewrite /K; field; lra.
by rewrite /B; lra.
Qed.

(** ** Stationary policies *)

(** the objective along a direction: one function of the step for each response *)
Definition term (p v : T -> R) y s :=
  (p y + s * v y) * r y - beta * ((p y + s * v y) * ln ((p y + s * v y) / ref y)) + gamma * (c y * ln (p y + s * v y)).
Definition slope (p v : T -> R) y s :=
  v y * (r y - beta * ln ((p y + s * v y) / ref y) - beta + gamma * c y / (p y + s * v y)).

Lemma penalised_is_sum_of_terms p v s : F (fun y => p y + s * v y) = \Sum_y term p v y s.
Proof.
rewrite penalised_by_balance /J /mean /KL -!sumZ -sumB -sumD.
by apply: eq_bigr => y _; rewrite /term; lra.
Qed.

Lemma term_derivative p v y s : 0 < p y + s * v y -> is_derive (term p v y) s (slope p v y s).
Proof.
move=> hq; have hr := href.1 y; rewrite /term /slope; auto_derive.
  by repeat split; try lra; apply: div_pos.
by rewrite /Rdiv; field; lra.
Qed.

Lemma slope_derivative p v y s : 0 < p y + s * v y ->
  is_derive (slope p v y) s (- v y ^ 2 * (beta / (p y + s * v y) + gamma * c y / (p y + s * v y) ^ 2)).
Proof.
move=> hq; have hr := href.1 y; rewrite /slope; auto_derive.
  by repeat split; try lra; apply: div_pos.
by field; lra.
Qed.

(** near a policy of full support every step keeps it so *)
Lemma stays_positive (p v : T -> R) : full p -> exists e, 0 < e /\ forall s, Rabs s < e -> forall y, 0 < p y + s * v y.
Proof.
move=> [hp _]; pose B := 1 + \Sum_y (Rabs (v y) / p y).
have hv y : 0 <= Rabs (v y) / p y by apply: Rmult_le_pos; [exact: Rabs_pos|exact/Rlt_le/Rinv_0_lt_compat].
have hB : 1 <= B by have := sum_ge0 (P := xpredT) (fun y _ => hv y); rewrite /B; lra.
exists (/ B); split; first by apply: Rinv_0_lt_compat; lra.
move=> s hs y; have ht := term_le_sum (f := fun y => Rabs (v y) / p y) y hv.
have hy := hp y.
have : Rabs s * Rabs (v y) < p y.
  have h1 : Rabs s * B < 1.
    by have := Rmult_lt_compat_r B _ _ ltac:(lra) hs; rewrite Rinv_l; lra.
  have h2 : Rabs (v y) <= (B - 1) * p y.
    have -> : Rabs (v y) = Rabs (v y) / p y * p y by field; lra.
    by apply: Rmult_le_compat_r; rewrite /B; lra.
  have hs0 := Rabs_pos s; have h3 := Rmult_le_compat_l _ _ _ hs0 h2.
  by have : 0 <= Rabs s * p y; [apply: Rmult_le_pos; lra|nra].
rewrite -Rabs_mult => h; have := Rle_abs (- (s * v y)); rewrite Rabs_Ropp; lra.
Qed.

(** the first and second derivative along a direction of the simplex *)
Definition stationary p := forall v, \Sum_y v y = 0 -> \Sum_y slope p v y 0 = 0.

Lemma objective_derivative p v s : (forall y, 0 < p y + s * v y) ->
  is_derive (fun s => F (fun y => p y + s * v y)) s (\Sum_y slope p v y s).
Proof.
move=> h; apply: (is_derive_ext (fun s => \Sum_y term p v y s)) => [t|].
  by rewrite penalised_is_sum_of_terms.
by apply: is_derive_sum => y; exact: term_derivative.
Qed.

(** along a direction, a local maximum of policies is one of the step *)
Lemma local_maximum_along p v : local_maximum F p -> \Sum_y v y = 0 ->
  exists e, 0 < e /\ (forall s, Rabs s < e -> forall y, 0 < p y + s * v y) /\
    forall s, Rabs s < e -> F (fun y => p y + s * v y) <= F p.
Proof.
move=> [hp [d [hd hm]]] hv; have [e [he pos]] := stays_positive v hp.
pose B := 1 + \Sum_y Rabs (v y).
have hB : 0 < B by have := sum_ge0 (P := xpredT) (fun y _ => Rabs_pos (v y)); rewrite /B; lra.
have hdB : 0 < d / B by exact: div_pos.
exists (Rmin e (d / B)); split; first exact: Rmin_glb_lt.
split=> [s hs|s hs]; first by apply: pos; have := Rmin_l e (d / B); lra.
apply: hm.
  split=> [y|]; first by apply: pos; have := Rmin_l e (d / B); lra.
  by rewrite sumD sumZ hv hp.2; lra.
move=> y; rewrite (_ : p y + s * v y - p y = s * v y); last lra.
rewrite Rabs_mult; have h1 : Rabs (v y) <= B.
  by have := term_le_sum (f := fun y => Rabs (v y)) y (fun y => Rabs_pos (v y)); rewrite /B; lra.
have h2 : Rabs s < d / B by have := Rmin_r e (d / B); lra.
have h3 : d / B * B = d by field; lra.
by have := Rabs_pos s; have := Rabs_pos (v y); nra.
Qed.

Theorem local_maximum_is_stationary_any p : local_maximum F p -> stationary p.
Proof.
move=> hm v hv; have [e [he [pos max]]] := local_maximum_along hm hv.
apply: (derivative_zero_at_local_maximum (f := fun s => F (fun y => p y + s * v y)) (x := 0) he).
  move=> s; rewrite Rminus_0_r => /max h.
  suff -> : (fun y => p y + 0 * v y) = p by [].
  by apply: functional_extensionality => y; lra.
by apply: objective_derivative => y; apply: pos; rewrite Rabs_R0.
Qed.

(** eq-13: log p = log pi_star + kappa c / p - nu *)
Theorem stationary_iff p (y0 : T) : full p -> stationary p <->
  exists nu, forall y, ln (p y) = ln (star y) + kappa * c y / p y - nu.
Proof.
move=> hp; have hq := hp.1.
have g y : r y - beta * ln (p y / ref y) - beta + gamma * c y / p y
         = beta * (ln (star y) + kappa * c y / p y - ln (p y)) + (V ref r beta - beta).
  rewrite (ln_div (hq y) (href.1 y)) (ln_star r beta href) /V; have hqy := hq y; field; lra.
have hs v : \Sum_y slope p v y 0 = \Sum_y (v y * (beta * (ln (star y) + kappa * c y / p y - ln (p y)) + (V ref
  r beta - beta))).
  by apply: eq_bigr => y _; rewrite /slope (_ : p y + 0 * v y = p y) ?g //; lra.
split=> [st|[nu e] v hv].
  exists (ln (star y0) + kappa * c y0 / p y0 - ln (p y0)) => y.
  pose v z := (if z == y then 1 else 0) - (if z == y0 then 1 else 0).
  have e1 a : \big[Rplus/0]_(z : T) (if z == a then 1 else 0) = 1 by exact: (sum_at (fun _ => 1)).
  have := st v; rewrite hs /v sumB !e1 Rminus_eq_0 => /(_ erefl).
  pose G z := beta * (ln (star z) + kappa * c z / p z - ln (p z)) + (V ref r beta - beta).
  rewrite (_ : \Sum_z _ = G y - G y0); first by rewrite /G; nra.
  by rewrite -(sum_indicator G y) -(sum_indicator G y0) -sumB; apply: eq_bigr => z _; rewrite /G; lra.
rewrite hs; transitivity (\Sum_y ((beta * nu + (V ref r beta - beta)) * v y)).
  by apply: eq_bigr => y _; rewrite e; lra.
by rewrite sumZ hv; lra.
Qed.
End AnyLabels.

(** ** The claims *)

Theorem eq_10_proved : eq_10.
Proof.
move=> T ref r beta gamma n y href hb hg hc; have sup := penalised_unbounded r href hb hg hc; split=> //.
by move=> [p [_ hm]]; have [q [/hm]] := sup (penalised ref r beta gamma n p); lra.
Qed.

Theorem thm_4_9_proved : thm_4_9.
Proof.
move=> T ref r beta gamma n y p w l href hb hg hc hm _.
by have [_ []] := eq_10_proved r href hb hg hc; exists p.
Qed.

Lemma stationary_slopes (T : finType) (ref r : T -> R) beta gamma n p : full ref -> full p ->
  stationary_on_simplex (penalised ref r beta gamma n) p <-> stationary ref r beta gamma n p.
Proof.
move=> href hp.
have d v : is_derive (fun t => penalised ref r beta gamma n (fun y => p y + t * v y)) 0
                     (\Sum_y slope ref r beta gamma n p v y 0).
  by apply: objective_derivative => // y; have := hp.1 y; lra.
split=> hs v hv; last by have := d v; rewrite (hs v hv) => /is_derive_Reals.
have e := is_derive_unique _ _ _ (d v).
by rewrite -e (is_derive_unique _ _ _ ((is_derive_Reals _ _ _).2 (hs v hv))).
Qed.

Theorem eq_13_proved : eq_13.
Proof.
move=> T ref r beta gamma n p href hb hp objective; have [y0 _] := policy_inhabited (full_policy hp).
split; first by rewrite stationary_slopes // -(stationary_iff r gamma n href hb y0 hp).
split; first by move=> hm; apply/stationary_slopes => //; exact: local_maximum_is_stationary_any.
move=> w l wl en /(stationary_slopes r beta gamma n href hp) /(stationary_iff r gamma n href hb y0 hp) [nu e].
have cw : balance n w = 1 by rewrite en balance_one_label eqxx (negbTE wl); lra.
have cl : balance n l = -1 by rewrite en balance_one_label eqxx eq_sym (negbTE wl); lra.
have hd := delta_star r beta href w l; have pw := hp.1 w; have pl := hp.1 l.
have -> : delta p w l = delta (pi_star ref r beta) w l + gamma / beta * (1 / p w + 1 / p l).
  by rewrite /delta !e cw cl; field; lra.
by rewrite hd; field; lra.
Qed.
