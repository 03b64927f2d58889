(** Chapter 8, the literature: one pair of responses, its losses and their rates; a price of the divergence at which
    nothing is stationary, bounded by the tactic [interval]; a game with a Condorcet winner. *)
From Coq Require Import Reals Lra Psatz.
From Interval Require Import Tactic.
From Coquelicot Require Import Coquelicot.
From mathcomp Require Import ssreflect ssrfun ssrbool eqtype ssrnat seq choice fintype bigop.
From Formal Require Import definitions sums softplus ch1_rlhf calculus pinsker definitions_cpo ch6_two_responses.
From Formal Require Import claims_literature.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Open Scope R_scope.

Theorem dpo_regret_identity_proved : dpo_regret_identity.
Proof.
move=> x z excess; have e : excess = KL (of_margin x) (of_margin z).
  have := cross_entropy_gap x z; rewrite /KL sum_bool /of_margin => <-.
  by rewrite /excess /cross_entropy; ring.
split=> //; have policy_at d := full_policy (of_margin_full d).
have never y : of_margin z y = 0 -> of_margin x y = 0 by have := (of_margin_full z).1 y; lra.
have := pinsker (policy_at x) (policy_at z) never; rewrite -e /distance sum_bool /of_margin.
have opp : sigma (- x) - sigma (- z) = - (sigma x - sigma z) by have := sigma_opp x; have := sigma_opp z; lra.
rewrite opp Rabs_Ropp => le.
by have := pow2_abs (sigma x - sigma z); nra.
Qed.

Theorem gao_gain_by_span_proved : gao_gain_by_span.
Proof. by move=> b y _; have [<-] := dpo_regret_identity_proved (b + y) b; lra. Qed.

Theorem azar_ipo_quarter_proved : azar_ipo_quarter.
Proof.
move=> x tau hx ht.
have le : sigma x - 1 / 2 <= x / 4.
  have d t : is_derive (fun t => t / 4 - sigma t) t (/ 4 - sigma t * sigma (- t)).
    apply: (is_derive_minus (K := R_AbsRing) (V := R_NormedModule)); last exact: sigma_derivative.
    by auto_derive => //; lra.
  have := never_falls_where_derivative_nonnegative hx (fun t _ => d t).
  rewrite [sigma 0]/sigma Ropp_0 exp_0 => h; suff: 0 / 4 - / (1 + 1) <= x / 4 - sigma x by lra.
  apply: h => t _; have e : sigma (- t) = 1 - sigma t by have := sigma_opp t; lra.
  by rewrite e; have := Rle_0_sqr (sigma t - / 2); rewrite /Rsqr; lra.
have it := Rinv_0_lt_compat _ ht.
have -> : x / (4 * tau) = x / 4 * / tau by field; lra.
by apply: Rmult_le_compat_r => //; lra.
Qed.

Theorem gpo_calibrated_pair_proved : gpo_calibrated_pair.
Proof.
move=> o z ho; have root := sqrt_lt_R0 o ho; have square := sqrt_sqrt o (Rlt_le _ _ ho).
have half : exp (ln o / 2) = sqrt o.
  have e : exp (ln o / 2) * exp (ln o / 2) = o by rewrite -exp_plus (_ : ln o / 2 + ln o / 2 = ln o) ?exp_ln //; field.
  by rewrite -[X in sqrt X]e sqrt_square //; exact/Rlt_le/exp_pos.
split.
  have rate : sigma (ln o) = o * sigma (- ln o).
    by rewrite /sigma Ropp_involutive exp_Ropp exp_ln //; field; lra.
  have := cross_entropy_least (ln o) z; rewrite /cross_entropy rate.
  have := sigma_pos (- ln o); set s := sigma _ => hs le.
  by apply: (Rmult_le_reg_l s) => //; lra.
split; last by rewrite exp_Ropp half -{2}square; field; lra.
have ez := exp_pos z; have e : exp z * exp (- z) = 1 by rewrite -exp_plus Rplus_opp_r exp_0.
apply: (Rmult_le_reg_l (exp z)) => //.
have -> : exp z * (exp z + o * exp (- z)) = exp z * exp z + o * (exp z * exp (- z)) by ring.
by rewrite e Rmult_1_r -{2}square; have := Rle_0_sqr (exp z - sqrt o); rewrite /Rsqr; lra.
Qed.

Theorem rdpo_unbiased_variance_proved : rdpo_unbiased_variance.
Proof.
move=> eps z he loss mean.
have l1 : loss z = sp (- z) - eps / (1 - 2 * eps) * z by rewrite /loss (sp_odd z); field; lra.
have l2 : loss (- z) = sp (- z) + (1 - eps) / (1 - 2 * eps) * z.
  by rewrite /loss Ropp_involutive (sp_odd z); field; lra.
have m : mean = sp (- z) by rewrite /mean l1 l2; field; lra.
by split=> //; rewrite m l1 l2; field; lra.
Qed.

(** ** The price of a nat *)

Lemma below_the_price x : 0 <= x <= 21 -> 0 < 2 + exp x + exp (- x) - 2057 / 1000 * x * (1 + exp (x / 10)).
Proof. by move=> h; interval with (i_bisect x, i_taylor x, i_depth 20). Qed.

Lemma below_the_price_everywhere x : 0 < x -> 2057 / 1000 * x * (1 + exp (x / 10)) < 2 + exp x + exp (- x).
Proof.
move=> hx; have [le|far] := Rle_lt_dec x 21; first by have := below_the_price (conj (Rlt_le _ _ hx) le); lra.
have p := exp_pos (- x); have q := exp_pos (x / 10); have h1 : 1 <= exp (x / 10) by have := exp_ge1x (x / 10); lra.
have e : exp x = exp (x / 10) * (exp (9 * x / 20) * exp (9 * x / 20)) by rewrite -!exp_plus; congr exp; field.
have big : 5 * x <= exp (9 * x / 20) * exp (9 * x / 20).
  have g := exp_ge1x (9 * x / 20); have g0 : 0 <= 1 + 9 * x / 20 by lra.
  have sq := Rmult_le_compat _ _ _ _ g0 g0 g g.
  have : 0 < x * (x - 21) by apply: Rmult_lt_0_compat; lra.
  lra.
have le := Rmult_le_compat_l _ _ _ (Rlt_le _ _ q) big; rewrite e.
have : 0 < x * (exp (x / 10) - 1) \/ exp (x / 10) = 1.
  by case: h1 => [lt|<-]; [left; apply: Rmult_lt_0_compat; lra|right].
case=> [lt|one]; first by have := Rmult_lt_0_compat _ _ hx q; lra.
by rewrite one in le *; lra.
Qed.

Lemma sigmas x : sigma x * sigma (- x) = / (2 + exp x + exp (- x)).
Proof.
have p := exp_pos x; have q := exp_pos (- x); have e : exp x * exp (- x) = 1 by rewrite -exp_plus Rplus_opp_r exp_0.
rewrite /sigma Ropp_involutive -Rinv_mult; congr (/ _); lra.
Qed.

Lemma price_bound x : 0 < x -> 2057 / 10000 * (x * (sigma x * sigma (- x))) < / 10 * sigma (- (x / 10)).
Proof.
move=> hx; have le := below_the_price_everywhere hx; rewrite sigmas /sigma Ropp_involutive.
have p := exp_pos x; have q := exp_pos (- x); have r := exp_pos (x / 10).
apply: (Rmult_lt_reg_r ((2 + exp x + exp (- x)) * (1 + exp (x / 10)))); first by apply: Rmult_lt_0_compat; lra.
have -> : 2057 / 10000 * (x * / (2 + exp x + exp (- x))) * ((2 + exp x + exp (- x)) * (1 + exp (x / 10))) =
  2057 / 10000 * x * (1 + exp (x / 10)) by field; lra.
have -> : / 10 * / (1 + exp (x / 10)) * ((2 + exp x + exp (- x)) * (1 + exp (x / 10))) =
  / 10 * (2 + exp x + exp (- x)) by field; lra.
lra.
Qed.

(** ** of the DPO loss and of the divergence *)

Definition even (_ : bool) := / 2.

Lemma divergence_in_margin x : KL (of_margin x) even = - sp (- x) - (1 - sigma x) * x + ln 2.
Proof.
have half : 0 < / 2 by lra.
rewrite /KL sum_bool /of_margin (ln_div (sigma_pos x) half) (ln_div (sigma_pos (- x)) half) !ln_sigma.
rewrite Ropp_involutive (sp_odd x) ln_Rinv; last lra.
by have -> : sigma (- x) = 1 - sigma x; [have := sigma_opp x; lra|ring].
Qed.

Lemma divergence_slope d : is_derive (fun x => KL (of_margin x) even) d (d * (sigma d * sigma (- d))).
Proof.
apply: (is_derive_ext (fun x => - sp (- x) - (1 - sigma x) * x + ln 2)) => [x|]; first by rewrite divergence_in_margin.
have hs := sigma_derivative d; have hsp := is_derive_sp (- d).
auto_derive.
  by repeat split; [exists (sigma (- d))|exists (sigma d * sigma (- d))].
rewrite (is_derive_unique _ _ _ hs) (is_derive_unique _ _ _ hsp).
by have -> : sigma (- d) = 1 - sigma d; [have := sigma_opp d; lra|ring].
Qed.

Lemma loss_in_margin x : dpo_loss even (/ 10) (one_label true false) (of_margin x) = sp (- (/ 10 * (x - 0))).
Proof. by rewrite dpo_one_label /h delta_of_margin /delta /even Rminus_eq_0. Qed.

Lemma penalised_slope price d : is_derive (fun x =>
    dpo_loss even (/ 10) (one_label true false) (of_margin x) + price * KL (of_margin x) even) d
  (- (/ 10 * sigma (- (/ 10 * (d - 0)))) + price * (d * (sigma d * sigma (- d)))).
Proof.
apply: (is_derive_plus (K := R_AbsRing) (V := R_NormedModule)); last by apply: is_derive_scal; exact: divergence_slope.
apply: (is_derive_ext (fun x => sp (- (/ 10 * (x - 0))))) => [x|]; first by rewrite loss_in_margin.
exact/is_derive_Reals/loss_slope.
Qed.

Theorem song_hypo_no_interior_proved : song_hypo_no_interior.
Proof.
have weight x : 0 < sigma x * sigma (- x) by apply: Rmult_lt_0_compat; exact: sigma_pos.
split=> [x hx|price d hp /is_derive_Reals /is_derive_unique].
  have pos : 0 < x * (sigma x * sigma (- x)) by exact: Rmult_lt_0_compat.
  apply/Rlt_gt; apply: (Rmult_lt_reg_r (x * (sigma x * sigma (- x)))) => //.
  have -> : / 10 * sigma (- (x / 10)) / (x * (sigma x * sigma (- x))) * (x * (sigma x * sigma (- x))) =
    / 10 * sigma (- (x / 10)).
    by move: pos; set v := x * _ => pos; field; lra.
  exact: price_bound.
rewrite (is_derive_unique _ _ _ (penalised_slope price d)) (_ : / 10 * (d - 0) = d / 10); last by field.
have s := sigma_pos (- (d / 10)); have [hd|hd] := Rle_lt_dec d 0.
  have := Rmult_le_compat_r _ _ _ (Rlt_le _ _ (weight d)) hd; rewrite Rmult_0_l => le.
  by have := Rmult_le_compat_l _ _ _ (Rlt_le _ _ hp.1) le; lra.
have := Rmult_le_compat_r _ _ _ (Rlt_le _ _ (Rmult_lt_0_compat _ _ hd (weight d))) hp.2.
by have := price_bound hd; lra.
Qed.

(** ** A game *)

Theorem nlhf_condorcet_proved : nlhf_condorcet.
Proof.
move=> T P w p both beats [p0 p1]; have even_odds i : P i i = 1 / 2 by have := both i i; lra.
split=> [nash|pw j].
  have rest i : i != w -> p i = 0.
    move=> ne; have terms k : 0 <= p k * (1 / 2 - P k w).
      case: (eqVneq k w) => [->|kw]; first by rewrite even_odds; lra.
      by apply: Rmult_le_pos => //; have := beats k kw; have := both k w; lra.
    have le : \Sum_k (p k * (1 / 2 - P k w)) <= 0.
      have -> : \Sum_k (p k * (1 / 2 - P k w)) = \Sum_k (1 / 2 * p k - p k * P k w).
        by apply: eq_bigr => k _; ring.
      by rewrite sumB sumZ p1; have := nash w; lra.
    have := terms_eq0 terms le i; have := beats i ne; have := both i w => h1 h2 /Rmult_integral [//|]; lra.
  by rewrite -p1 (bigD1 w) //= big1 ?Rplus_0_r // => i; exact: rest.
have rest i : i != w -> p i = 0.
  move=> ne; have le : \Sum_(i | i != w) p i <= 0 by have := p1; rewrite (bigD1 w) //= pw; lra.
  rewrite -sum_if in le; have := terms_eq0 (f := fun i => if i != w then p i else 0) _ le i; rewrite ne; apply=> k.
  by case: ifP => _; [exact: p0|lra].
rewrite (bigD1 w) //= big1 => [|i ne]; last by rewrite rest // Rmult_0_l.
rewrite pw; case: (eqVneq j w) => [->|jw]; first by rewrite even_odds; lra.
by have := beats j jw; lra.
Qed.

(** ** A linear reward and three voters *)

Theorem ge_pareto_linear_proved : ge_pareto_linear.
Proof.
rewrite /ge_pareto_linear /sigma; split; last by move=> t h; interval with (i_bisect t, i_taylor t).
by split; interval.
Qed.
