(** Eq. 10 with a third response: the window of gamma can be empty (thm-4.9-third-response). *)
From Coq Require Import Reals Lra Psatz FunctionalExtensionality.
From Coquelicot Require Import Coquelicot.
From mathcomp Require Import ssreflect ssrfun ssrbool eqtype ssrnat seq choice fintype bigop.
From Formal Require Import definitions sums softplus ch1_rlhf calculus definitions_cpo claims_cpo ch6_any_responses.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Open Scope R_scope.

Section SecondOrder.
Variables (T : finType) (ref r : T -> R) (beta gamma : R) (n : T -> T -> R).
Hypotheses (href : full ref) (hb : 0 < beta).
Notation F := (penalised ref r beta gamma n).
Notation c := (balance n).

(** the second derivative along v, negated and over beta *)
Definition curvature (p v : T -> R) := \Sum_y (v y ^ 2 * (1 / p y + gamma / beta * c y / p y ^ 2)).

(** At a local maximum no direction of the simplex curves upwards. *)
Theorem local_maximum_curves_down p v : local_maximum F p -> \Sum_y v y = 0 -> 0 <= curvature p v.
Proof.
move=> hm hv; have [//|neg] := Rle_lt_dec 0 (curvature p v); exfalso.
have [e [he [pos max]]] := local_maximum_along hm hv.
have hp := hm.1.1.
have d2 : is_derive (fun s => \Sum_y slope ref r beta gamma n p v y s) 0 (- beta * curvature p v).
  rewrite /curvature -sumZ; apply: (is_derive_ext_loc (fun s => \Sum_y slope ref r beta gamma n p v y s)).
    exact: filter_forall.
  apply: is_derive_sum => y.
  have hy : 0 < p y + 0 * v y by apply: pos; rewrite Rabs_R0.
  evar_last; first by apply: slope_derivative.
  by rewrite (_ : p y + 0 * v y = p y); [have := hp y => hpy; field; lra|lra].
have [] := @rises_beyond_where_second_derivative_positive (fun s => F (fun y => p y + s * v y))
  (fun s => \Sum_y slope ref r beta gamma n p v y s) 0 (- beta * curvature p v) e he _ _ _ d2 e he.
- by nra.
- by move=> t; rewrite Rminus_0_r => ht; apply: objective_derivative => // y; exact: pos.
- exact: (local_maximum_is_stationary_any href hm hv).
move=> t []; rewrite Rminus_0_r => /max h1.
have -> : (fun y => p y + 0 * v y) = p by apply: functional_extensionality => y; lra.
lra.
Qed.
End SecondOrder.

Section ThirdResponse.
Variables (T : finType) (ref r : T -> R) (beta gamma : R) (w l o : T).
Hypotheses (href : full ref) (hb : 0 < beta) (hg : 0 < gamma) (wl : w != l) (wo : w != o) (lo : l != o).
Notation n := (one_label w l).
Notation F := (penalised ref r beta gamma n).
Notation star := (pi_star ref r beta).
Notation kappa := (gamma / beta).

(** a direction that moves three responses only *)
Definition along (a b d : R) y := a * (if y == w then 1 else 0) + b * (if y == l then 1 else 0) + d * (if y ==
  o then 1 else 0).
Lemma sum_along (f : T -> R) a b d : \Sum_y (f y * along a b d y) = a * f w + b * f l + d * f o.
Proof.
rewrite -(sum_indicator f w) -(sum_indicator f l) -(sum_indicator f o) -!sumZ -!sumD.
by apply: eq_bigr => y _; rewrite /along; lra.
Qed.

Theorem no_local_maximum_ranks_right p :
  let a := Rabs (delta star w l) / 2 in
  delta star w l < 0 -> 1 < a -> star l <= (a - 1) * exp a * star o ->
  local_maximum F p -> delta p w l < 0.
Proof.
move=> a neg ha hcond hm; have [//|ge0] := Rlt_le_dec (delta p w l) 0; exfalso.
have hp : full p := hm.1.
have [nu st] := (stationary_iff r gamma n href hb w hp).1 (local_maximum_is_stationary_any href hm).
have pw := hp.1 w; have pl := hp.1 l; have po := hp.1 o.
have hk : 0 < kappa by exact: div_pos.
set x := kappa / p w; set y := kappa / p l.
have hx : 0 < x by exact: div_pos.
have hy : 0 < y by exact: div_pos.
have sw : ln (p w) = ln (star w) + x - nu by rewrite st balance_one_label eqxx (negbTE wl) /x; lra.
have sl : ln (p l) = ln (star l) - y - nu by rewrite st balance_one_label eqxx eq_sym (negbTE wl) /y; lra.
have so : ln (p o) = ln (star o) - nu.
  by rewrite st balance_one_label eq_sym (negbTE wo) eq_sym (negbTE lo); lra.
(* p w >= p l, so x <= y, and y >= (x + y) / 2 >= a *)
have hwl : p l <= p w.
  by have [//|lt] := Rle_lt_dec (p l) (p w); have := ln_increasing _ _ pw lt; rewrite /delta in ge0; lra.
have xy : x <= y by apply: Rmult_le_compat_l; [lra|exact: Rinv_le_contravar].
have ea : a = - delta star w l / 2 by rewrite /a Rabs_left.
have ya : a <= y by rewrite ea; rewrite /delta in ge0 *; lra.
(* p l <= (y - 1) * p o *)
have pos_star z : 0 < star z by exact: (star_full r beta href).1.
have plo : p l <= (y - 1) * p o.
  have el : p l = star l * exp (- y) * exp (- nu).
    by rewrite -(exp_ln _ pl) sl (_ : _ - _ - _ = ln (star l) + - y + - nu) ?exp_plus ?exp_ln //; lra.
  have eo : p o = star o * exp (- nu).
    by rewrite -(exp_ln _ po) so (_ : _ - nu = ln (star o) + - nu) ?exp_plus ?exp_ln //; lra.
  rewrite el eo -Rmult_assoc; apply: Rmult_le_compat_r; first exact/Rlt_le/exp_pos.
  apply: Rle_trans (_ : (a - 1) * exp a * star o * exp (- y) <= _).
    by apply: Rmult_le_compat_r => //; exact/Rlt_le/exp_pos.
  have e1 : exp a * exp (- y) <= 1.
    rewrite -exp_plus -exp_0; case: ya => [lt|->]; [apply/Rlt_le/exp_increasing; lra|by apply: Req_le; congr exp; lra].
  have e2 : 0 < exp a * exp (- y) by apply: Rmult_lt_0_compat; exact: exp_pos.
  rewrite (_ : _ * exp (- y) = (a - 1) * (exp a * exp (- y)) * star o); last ring.
  apply: Rmult_le_compat_r; [exact: Rlt_le|nra].
(* the direction that takes from o, and a little from w *)
pose P := 1 / p o; pose Q := (1 + x) / p w.
have hP : 0 < P by apply: div_pos; lra.
have hQ : 0 < Q by apply: div_pos; lra.
pose s := P / (P + Q).
have hs : s * (P + Q) = P by rewrite /s; field; lra.
have hs0 : 0 < s by apply: div_pos; lra.
have sumv : \Sum_z along (- s) 1 (- (1 - s)) z = 0.
  rewrite -[RHS](_ : (- s) * 1 + 1 * 1 + (- (1 - s)) * 1 = 0); last lra.
  by rewrite -(sum_along (fun _ => 1)); apply: eq_bigr => z _; lra.
have := local_maximum_curves_down href hb hm sumv.
have vw : along (- s) 1 (- (1 - s)) w = - s by rewrite /along eqxx (negbTE wl) (negbTE wo); lra.
have vl : along (- s) 1 (- (1 - s)) l = 1 by rewrite /along eqxx eq_sym (negbTE wl) (negbTE lo); lra.
have vo : along (- s) 1 (- (1 - s)) o = - (1 - s).
  by rewrite /along eqxx eq_sym (negbTE wo) eq_sym (negbTE lo); lra.
pose f z := along (- s) 1 (- (1 - s)) z * (1 / p z + kappa * balance n z / p z ^ 2).
have -> : curvature beta gamma n p (along (- s) 1 (- (1 - s))) = - s * f w + 1 * f l + (- (1 - s)) * f o.
  by rewrite -sum_along; apply: eq_bigr => z _; rewrite /f; ring.
rewrite /f vw vl vo !balance_one_label !eqxx (negbTE wl) (eq_sym l w) (negbTE wl).
rewrite (eq_sym o w) (negbTE wo) (eq_sym o l) (negbTE lo).
have fw : 1 / p w + kappa * (1 - 0) / p w ^ 2 = Q by rewrite /Q /x; field; lra.
have fl : 1 / p l + kappa * (0 - 1) / p l ^ 2 = - (y - 1) / p l by rewrite /y; field; lra.
have fo : 1 / p o + kappa * (0 - 0) / p o ^ 2 = P by rewrite /P; field; lra.
rewrite fw fl fo.
have bound : P <= (y - 1) / p l.
  rewrite /P; apply: (Rmult_le_reg_r (p o * p l)); first exact: Rmult_lt_0_compat.
  have -> : 1 / p o * (p o * p l) = p l by field; lra.
  by have -> : (y - 1) / p l * (p o * p l) = (y - 1) * p o by field; lra.
have -> : - (y - 1) / p l = - ((y - 1) / p l) by rewrite /Rdiv; ring.
have : s * (s * (P + Q)) = s * P by rewrite hs.
nra.
Qed.
End ThirdResponse.

(** ** The claims *)

Theorem thm_4_9_third_response_proved : thm_4_9_third_response.
Proof. by move=> T ref r beta gamma w l o p href hb hg wl wo lo star a; exact: no_local_maximum_ranks_right. Qed.

Theorem thm_4_9_three_responses_refuted : ~ thm_4_9_three_responses.
Proof.
pose ref (y : 'I_3) := / 3; pose r (y : 'I_3) := if y == inord 0 then -4 else 0 : R.
have href : full ref by split=> [y|]; rewrite ?big_const_ord /ref /=; lra.
have [wl wo lo] : [/\ inord 0 != inord 1 :> 'I_3, inord 0 != inord 2 :> 'I_3 & inord 1 != inord 2 :> 'I_3].
  by split; rewrite -val_eqE /= !inordK.
have d : delta (pi_star ref r 1) (inord 0) (inord 1) = -4.
  by rewrite (delta_star _ 1 href) /delta /ref /r eqxx eq_sym (negbTE wl); field.
have e : pi_star ref r 1 (inord 1) = pi_star ref r 1 (inord 2).
  by rewrite /pi_star /normalised /r eq_sym (negbTE wl) eq_sym (negbTE wo).
move=> /(_ ref r 1 (inord 0) (inord 1) href Rlt_0_1 wl); rewrite d => claim.
have [gamma [p [hg [hm hd]]]] := claim ltac:(lra).
have := thm_4_9_third_response_proved href Rlt_0_1 hg wl wo lo _ _ _ hm; rewrite d e Rabs_left; last lra.
have h1 := exp_ineq1 2 ltac:(lra).
have h2 := (star_full r 1 href).1 (inord 2).
rewrite (_ : - -4 / 2 = 2); last by field.
by move=> k; have := k ltac:(lra) ltac:(lra) ltac:(nra); lra.
Qed.
