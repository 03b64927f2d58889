(** Eq. 10 on two responses, [true] preferred to [false]: local maxima, their threshold, their end. *)
From Coq Require Import Reals Lra FunctionalExtensionality.
From mathcomp Require Import ssreflect ssrfun ssrbool eqtype ssrnat seq choice fintype bigop.
From Coquelicot Require Import Coquelicot.
From Formal Require Import definitions sums softplus ch1_rlhf calculus definitions_cpo claims_cpo ch6_level.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Open Scope R_scope.

(** ** A policy on two responses is its margin *)

Lemma of_margin_full d : full (of_margin d).
Proof. by split=> [[]|]; rewrite ?sum_bool /of_margin; [exact: sigma_pos..|exact: sigma_opp]. Qed.

Lemma ln_sigma d : ln (sigma d) = - sp (- d).
Proof. by rewrite sp_sigma; lra. Qed.

Lemma delta_of_margin d : delta (of_margin d) true false = d.
Proof. by rewrite /delta /of_margin !ln_sigma Ropp_involutive (sp_odd d); lra. Qed.

Lemma policy_is_its_margin p : full p -> forall b, p b = of_margin (delta p true false) b.
Proof.
move=> [hp s]; rewrite sum_bool in s.
have e : exp (- delta p true false) = p false / p true.
  rewrite /delta -(exp_ln (p false / p true)); last exact: div_pos.
  by rewrite ln_div //; congr exp; lra.
have e' : exp (delta p true false) = p true / p false.
  rewrite /delta -(exp_ln (p true / p false)); last exact: div_pos.
  by rewrite ln_div //.
have ht := hp true; have hf := hp false.
case; rewrite /of_margin /sigma ?Ropp_involutive ?e ?e'.
  have -> : 1 + p false / p true = (p true + p false) / p true by field; lra.
  rewrite s /Rdiv Rmult_1_l.
  by rewrite Rinv_inv.
have -> : 1 + p true / p false = (p true + p false) / p false by field; lra.
rewrite s /Rdiv Rmult_1_l.
by rewrite Rinv_inv.
Qed.

Lemma sigma_derivative d : is_derive sigma d (sigma d * sigma (- d)).
Proof.
rewrite /sigma; auto_derive; first by have := exp_pos (- d); lra.
by rewrite Ropp_involutive exp_Ropp; have := exp_pos d => hd; field; lra.
Qed.

(** [sigma] moves by less than its argument: nearby margins are nearby policies *)
Lemma sigma_near d x e : Rabs (x - d) < e -> Rabs (sigma x - sigma d) < e.
Proof.
have step a b : a < b -> sigma b - sigma a <= b - a.
  move=> hab; have [c [_ ->]] := mean_value hab (fun x _ => sigma_derivative x).
  have := sigma_pos c; have := sigma_pos (- c); have := sigma_opp c => h1 h2 h3.
  by rewrite -{2}(Rmult_1_l (b - a)); apply: Rmult_le_compat_r; [lra|nra].
case: (Rtotal_order x d) => [h|[->|h]]; rewrite ?Rminus_eq_0 //.
  by have h1 := step _ _ h; have h2 := sigma_lt h; rewrite !Rabs_left; lra.
by have h1 := step _ _ h; have h2 := sigma_lt h; rewrite !Rabs_right; lra.
Qed.

Section TwoResponses.
Variables (ref r : bool -> R) (beta gamma : R).
Hypotheses (href : full ref) (hb : 0 < beta) (hg : 0 < gamma).
Notation kappa := (gamma / beta).
Notation n := (one_label true false).
Notation F := (penalised ref r beta gamma n).
Notation margin_star := (delta (pi_star ref r beta) true false).

Let hk : 0 < kappa. Proof. exact: div_pos. Qed.

Lemma objective_in_margin d : F (of_margin d) =
  r false + sigma d * (r true - r false)
  - beta * (- sp (- d) - (1 - sigma d) * d - sigma d * ln (ref true) - (1 - sigma d) * ln (ref false)) + gamma * d.
Proof.
have e : \Sum_w \Sum_l (n w l * delta (of_margin d) w l) = d.
  by rewrite !sum_bool /one_label /= delta_of_margin; lra.
rewrite /penalised e /J /mean /KL !sum_bool /of_margin.
rewrite (ln_div (sigma_pos d) (href.1 true)) (ln_div (sigma_pos (- d)) (href.1 false)) !ln_sigma
  Ropp_involutive (sp_odd d).
by have -> : sigma (- d) = 1 - sigma d; [have := sigma_opp d; lra|ring].
Qed.

(** eq-10-stationary: dF/d delta = beta sigma(delta) sigma(-delta) (margin_star - G(delta)) *)
Lemma objective_slope d : is_derive (fun x => F (of_margin x)) d
  (beta * (sigma d * sigma (- d)) * (margin_star - level kappa d)).
Proof.
apply: (is_derive_ext (fun x => r false + sigma x * (r true - r false)
  - beta * (- sp (- x) - (1 - sigma x) * x - sigma x * ln (ref true) - (1 - sigma x) * ln (ref false)) + gamma * x)).
  by move=> t; rewrite objective_in_margin.
have hs := sigma_derivative d; have hsp := is_derive_sp (- d).
auto_derive.
  have k1 : ex_derive sigma d by exists (sigma d * sigma (- d)).
  have k2 : ex_derive sp (- d) by exists (sigma (- d)).
  repeat split; first [exact: k1 | exact: k2].
rewrite (is_derive_unique _ _ _ hs) (is_derive_unique _ _ _ hsp) (delta_star r beta href) /level /cosh /delta.
have e1 : sigma (- d) = 1 - sigma d by have := sigma_opp d; lra.
have key : sigma d * sigma (- d) * (2 * (1 + (exp d + exp (- d)) / 2)) = 1.
  rewrite /sigma Ropp_involutive exp_Ropp; have := exp_pos d => hd; field; lra.
set E := (1 + (exp d + exp (- d)) / 2) in key *.
have -> : beta * (sigma d * sigma (- d)) *
  (ln (ref true) - ln (ref false) + (r true - r false) / beta - (d - 2 * (gamma / beta) * E))
  = beta * (sigma d * sigma (- d)) * (ln (ref true) - ln (ref false) + (r true - r false) / beta - d)
    + gamma * (sigma d * sigma (- d) * (2 * E)) by field; lra.
by rewrite key e1; field; lra.
Qed.

Lemma weight_positive d : 0 < beta * (sigma d * sigma (- d)).
Proof. by apply: Rmult_lt_0_compat => //; apply: Rmult_lt_0_compat; exact: sigma_pos. Qed.

Lemma objective_rises a b : a < b -> (forall x, a < x < b -> level kappa x < margin_star) ->
  F (of_margin a) < F (of_margin b).
Proof.
move=> hab h; apply: (rises_where_derivative_positive hab (fun x _ => objective_slope x)) => x /h hx.
by apply: Rmult_lt_0_compat; [exact: weight_positive|lra].
Qed.

Lemma objective_falls a b : a < b -> (forall x, a < x < b -> margin_star < level kappa x) ->
  F (of_margin b) < F (of_margin a).
Proof.
move=> hab h; apply: (falls_where_derivative_negative hab (fun x _ => objective_slope x)) => x /h hx.
by have := weight_positive x; nra.
Qed.

Lemma F_of_policy p : full p -> F p = F (of_margin (delta p true false)).
Proof.
move=> hp; congr (penalised _ _ _ _ _ _).
exact: (functional_extensionality p _ (policy_is_its_margin hp)).
Qed.

(** A local maximum among policies is one among margins. *)
Lemma local_maximum_in_margin p : local_maximum F p ->
  exists eps, 0 < eps /\ forall x, Rabs (x - delta p true false) < eps ->
    F (of_margin x) <= F (of_margin (delta p true false)).
Proof.
move=> [hp [eps [he hm]]]; exists eps; split=> // x hx; rewrite -F_of_policy //; apply: hm; first exact: of_margin_full.
move=> b; rewrite (policy_is_its_margin hp b); set d := delta p true false in hx *.
case: b => /=; first exact: sigma_near.
by apply: sigma_near; rewrite (_ : - x - - d = - (x - d)) ?Rabs_Ropp //; lra.
Qed.

(** eq-10-stationary *)
Theorem local_maximum_is_stationary p : local_maximum F p -> level kappa (delta p true false) = margin_star.
Proof.
move=> /local_maximum_in_margin [eps [he hm]].
have := derivative_zero_at_local_maximum he hm (objective_slope _).
by have := weight_positive (delta p true false); nra.
Qed.

(** eq-10-local: the local maximum is the smaller root *)
Theorem local_maximum_below_top p : local_maximum F p -> delta p true false < top kappa.
Proof.
move=> hp; have st := local_maximum_is_stationary hp; have [eps [he hm]] := local_maximum_in_margin hp.
have [//|ge] := Rlt_le_dec (delta p true false) (top kappa).
set d := delta p true false in st hm ge.
have hx : Rabs (d + eps / 2 - d) < eps by rewrite Rabs_right; lra.
have := hm _ hx; suff : F (of_margin d) < F (of_margin (d + eps / 2)) by lra.
apply: objective_rises; first lra.
by move=> x hx'; rewrite -st; apply: level_falls => //; lra.
Qed.

Theorem stationary_below_top_is_local_maximum p : full p ->
  level kappa (delta p true false) = margin_star -> delta p true false < top kappa -> local_maximum F p.
Proof.
move=> hp st lt; split=> //; set d := delta p true false in st lt.
exists (sigma (top kappa) - sigma d); split; first by have := sigma_lt lt; lra.
move=> q hq near; rewrite (F_of_policy hq) (F_of_policy hp); set x := delta q true false; rewrite -/d.
have xt : x < top kappa.
  have := near true; rewrite (policy_is_its_margin hq true) (policy_is_its_margin hp true) /= -/d -/x.
  case/Rabs_def2=> h _; have [//|ge] := Rlt_le_dec x (top kappa).
  by have : sigma (top kappa) <= sigma x; [case: ge => [/sigma_lt|->]; lra|lra].
case: (Rtotal_order x d) => [h|[->|h]]; last 2 first.
- lra.
- by apply/Rlt_le/objective_falls => // y hy; rewrite -st; apply: level_rises => //; lra.
by apply/Rlt_le/objective_rises => // y hy; rewrite -st; apply: level_rises => //; lra.
Qed.

Theorem local_maximum_exists_iff : (exists p, local_maximum F p) <-> margin_star < summit kappa.
Proof.
split=> [[p hp]|h].
  rewrite -(local_maximum_is_stationary hp) (summit_is_level_at_top hk).
  by apply: level_rises => //; [exact: local_maximum_below_top|lra].
have [d [lt st]] := smaller_root hk h; exists (of_margin d).
by apply: stationary_below_top_is_local_maximum; rewrite ?delta_of_margin //; exact: of_margin_full.
Qed.

Theorem local_maximum_iff_smaller_root p : full p -> local_maximum F p <->
  margin_star < summit kappa /\ level kappa (delta p true false) = margin_star /\
  forall x, level kappa x = margin_star -> delta p true false <= x.
Proof.
move=> hp; split=> [hm|[lt [st least]]].
  have h := (local_maximum_exists_iff).1 (ex_intro _ p hm); split=> //.
  have st := local_maximum_is_stationary hm; have lt := local_maximum_below_top hm; split=> // x ex.
  have [//|xlt] := Rle_lt_dec (delta p true false) x.
  by have := level_rises hk xlt (Rlt_le _ _ lt); lra.
apply: stationary_below_top_is_local_maximum => //.
by have [x [xt ex]] := smaller_root hk lt; have := least x ex; lra.
Qed.

(** thm-4.9-local *)
Theorem margin_positive_iff_beyond_gamma_star p : local_maximum F p ->
  0 < delta p true false <-> - beta * margin_star / 4 < gamma.
Proof.
move=> hp; have st := local_maximum_is_stationary hp; have lt := local_maximum_below_top hp.
have e : - beta * margin_star / 4 < gamma <-> level kappa 0 < margin_star.
  rewrite level_at_zero; have -> : -4 * kappa = - (4 * gamma / beta) by field; lra.
  have k : beta * (4 * gamma / beta) = 4 * gamma by field; lra.
  by split=> hh; [apply: (Rmult_lt_reg_l beta); lra|have := Rmult_lt_compat_l _ _ _ hb hh; lra].
rewrite e -st; split=> [h|h]; first by apply: level_rises => //; lra.
have [//|[z|neg]] := Rtotal_order 0 (delta p true false); first by rewrite -z in h; lra.
by have := level_rises hk neg (Rlt_le _ _ (top_positive hk)); lra.
Qed.
End TwoResponses.

(** ** The claims *)

Theorem eq_10_stationary_proved : eq_10_stationary.
Proof.
move=> ref r beta gamma d href hb hg slope; split; first exact/is_derive_Reals/objective_slope.
by have := weight_positive hb d; rewrite /slope; split=> [e|->]; nra.
Qed.

Theorem eq_10_local_proved : eq_10_local.
Proof.
move=> ref r beta gamma href hb hg; split; first exact: local_maximum_exists_iff.
by move=> p hp; exact: local_maximum_iff_smaller_root.
Qed.

Theorem gamma_max_proved : gamma_max.
Proof.
split; first by move=> k hk; apply/is_derive_Reals/summit_slope.
split; first exact: summit_falls.
move=> ref r beta href hb.
have [k [[hk ek] h]] := summit_takes_each_value_once (delta (pi_star ref r beta) true false).
exists (beta * k); split; first exact: Rmult_lt_0_compat.
have e : beta * k / beta = k by field; lra.
rewrite e; split=> // gamma hg; rewrite local_maximum_exists_iff // (h _ (div_pos hg hb)).2.
have e' : beta * (gamma / beta) = gamma by field; lra.
by split=> lt; [have := Rmult_lt_compat_l _ _ _ hb lt; lra|apply: (Rmult_lt_reg_l beta); lra].
Qed.

Theorem gamma_window_proved : gamma_window.
Proof.
split; first exact: summit_above_level_at_zero.
move=> beta star largest hb hstar hl e; have hk : 0 < - star / 4 by lra.
have [//|ge] := Rlt_le_dec (- beta * star / 4) largest; exfalso.
have hkl : largest / beta <= - star / 4.
  apply: (Rmult_le_reg_l beta) => //; have -> : beta * (largest / beta) = largest by field; lra.
  lra.
have := summit_above_level_at_zero hk; case: hkl => [lt|eq]; last by rewrite -eq e; lra.
by have := @summit_falls (largest / beta) (- star / 4) (conj (div_pos hl hb) lt); lra.
Qed.

Theorem thm_4_9_local_proved : thm_4_9_local.
Proof. by move=> ref r beta gamma p href hb hg _; exact: margin_positive_iff_beyond_gamma_star. Qed.

Theorem thm_4_9_beyond_proved : thm_4_9_beyond.
Proof. by move=> ref r beta gamma href hb hg ge /(local_maximum_exists_iff r href hb hg); lra. Qed.

(** the reference is uniform and the reward decides delta_star *)
Definition uniform (b : bool) := / 2.
Lemma uniform_is_full : full uniform.
Proof. by split=> [b|]; rewrite ?sum_bool /uniform; lra. Qed.
Lemma star_of_uniform d : delta (pi_star uniform (fun b => if b then d else 0) 1) true false = d.
Proof. by rewrite (delta_star _ 1 uniform_is_full) /delta /uniform; field. Qed.

Theorem thm_4_9_equality_refuted : ~ thm_4_9_equality.
Proof.
pose r (b : bool) := if b then -1 else 0 : R.
move=> /(_ uniform r 1 (/ 4) (of_margin 0) uniform_is_full Rlt_0_1); rewrite star_of_uniform delta_of_margin.
have hk : 0 < / 4 / 1 by lra.
move=> claim; suff: 0 < 0 by lra.
apply: claim; try lra.
apply: stationary_below_top_is_local_maximum; rewrite ?delta_of_margin ?star_of_uniform ?level_at_zero; try lra.
- exact: uniform_is_full.
- exact: of_margin_full.
- exact: top_positive.
Qed.
