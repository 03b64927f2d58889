(** Near misses of the claims of chapters 5 to 7: a hypothesis dropped, a constant changed, strict for weak. Each is
    stated as a claim is, and its negation is proved: so the claims are not true for a trivial reason. *)
From Coq Require Import Reals Lra Psatz FunctionalExtensionality.
From mathcomp Require Import ssreflect ssrfun ssrbool eqtype ssrnat seq choice fintype bigop path fingraph.
From Formal Require Import definitions sums softplus ch1_rlhf definitions_cpo claims_cpo ch6_level ch6_two_responses.
From Formal Require Import ch6_any_responses ch6_sufficient ch6_reference_margin ch7_released ch7_one_pair.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Open Scope R_scope.

(** * Chapter 5 *)

(** The upper bound of the escape time without its factor 2. *)
Definition escape_time_sharper : Prop := forall beta d, 0 < beta -> 0 < d ->
  2 * beta ^ 2 * escape_time_at beta 0 d < exp (beta * d) - 1.
Theorem escape_time_sharper_refuted : ~ escape_time_sharper.
Proof.
move=> /(_ 1 1 Rlt_0_1 Rlt_0_1); rewrite /escape_time_at Ropp_0 exp_0 Rmult_1_l.
by rewrite (_ : 2 * 1 ^ 2 * _ = 1 + (exp 1 - 1)); [lra|field].
Qed.

(** Linear without the margin. *)
Definition escape_time_linear_at_once : Prop := forall beta d margin, 0 < beta -> 0 < d -> 0 <= margin ->
  escape_time_at beta margin d < d / (2 * beta) + 1 / (2 * beta ^ 2).
Theorem escape_time_linear_at_once_refuted : ~ escape_time_linear_at_once.
Proof.
move=> /(_ 1 1 0 Rlt_0_1 Rlt_0_1 (Rle_refl 0)); rewrite /escape_time_at Ropp_0 exp_0 Rmult_1_l.
by have := exp_ineq1 1 ltac:(lra); lra.
Qed.

(** * Chapter 6 *)

(** Eq. 10 unbounded for any labels: without any label it is RLHF. *)
Definition eq_10_any_labels : Prop := forall (T : finType) (ref r : T -> R) beta gamma n,
  full ref -> 0 < beta -> 0 < gamma -> unbounded_above full (penalised ref r beta gamma n).
Theorem eq_10_any_labels_refuted : ~ eq_10_any_labels.
Proof.
move=> /(_ _ uniform (fun _ => 0) 1 1 (fun _ _ => 0) uniform_is_full Rlt_0_1 Rlt_0_1).
move=> /(_ (V uniform (fun _ => 0) 1)) [p [hp]]; rewrite /penalised.
rewrite (_ : \Sum_w \Sum_l (0 * delta p w l) = 0); last by rewrite !sum_bool; lra.
by have := star_is_best (fun _ => 0) uniform_is_full Rlt_0_1 (full_policy hp); lra.
Qed.

(** A local maximum also at the summit. *)
Definition eq_10_local_weak : Prop := forall (ref r : bool -> R) beta gamma,
  full ref -> 0 < beta -> 0 < gamma ->
  ((exists p, local_maximum (penalised ref r beta gamma (one_label true false)) p) <->
   delta (pi_star ref r beta) true false <= summit (gamma / beta)).
Theorem eq_10_local_weak_refuted : ~ eq_10_local_weak.
Proof.
pose r (b : bool) := if b then summit (1 / 1) else 0.
move=> /(_ uniform r 1 1 uniform_is_full Rlt_0_1 Rlt_0_1); rewrite star_of_uniform => claim.
have : exists p, local_maximum (penalised uniform r 1 1 (one_label true false)) p by apply: claim.2; exact: Rle_refl.
by move=> /(local_maximum_exists_iff r uniform_is_full Rlt_0_1 Rlt_0_1); rewrite star_of_uniform; lra.
Qed.

(** The window with 2 k: F(k) + 2 k > 0. *)
Definition gamma_window_half : Prop := forall k, 0 < k -> 0 < summit k + 2 * k.
Theorem gamma_window_half_refuted : ~ gamma_window_half.
Proof.
move=> /(_ 1 Rlt_0_1); rewrite (summit_is_level_at_top Rlt_0_1) /level.
set t := top 1; have ht : 0 < t by exact: (top_positive Rlt_0_1).
have : t <= cosh t.
  have e : exp t = exp (t / 2) * exp (t / 2) by rewrite -exp_plus; congr exp; field.
  have h1 := exp_ge1x (t / 2); have h2 := exp_pos (- t); rewrite /cosh e.
  have : (1 + t / 2) * (1 + t / 2) <= exp (t / 2) * exp (t / 2) by apply: Rmult_le_compat; lra.
  by have := Rle_0_sqr (1 - t / 2); rewrite /Rsqr; lra.
by have [hc _] := cosh_sinh t; lra.
Qed.

(** Theorem 4.9 of the local maximum, at half of gamma_star. *)
Definition thm_4_9_half : Prop := forall (ref r : bool -> R) beta gamma p,
  full ref -> 0 < beta -> 0 < gamma -> delta (pi_star ref r beta) true false < 0 ->
  local_maximum (penalised ref r beta gamma (one_label true false)) p ->
  (0 < delta p true false <-> - beta * delta (pi_star ref r beta) true false / 8 < gamma).
Theorem thm_4_9_half_refuted : ~ thm_4_9_half.
Proof.
pose r (b : bool) := if b then -1 else 0 : R.
have hg : 0 < 3 / 16 by lra.
have [p hp] : exists p, local_maximum (penalised uniform r 1 (3 / 16) (one_label true false)) p.
  apply/(local_maximum_exists_iff r uniform_is_full Rlt_0_1 hg); rewrite star_of_uniform.
  have hk : 0 < 3 / 16 / 1 by lra.
  by have := level_below_summit hk 0; rewrite (level_at_zero (3 / 16 / 1)); lra.
move=> /(_ uniform r 1 (3 / 16) p uniform_is_full Rlt_0_1 hg); rewrite star_of_uniform => claim.
have := margin_positive_iff_beyond_gamma_star uniform_is_full Rlt_0_1 hg hp; rewrite star_of_uniform => sharp.
have pos : 0 < delta p true false by apply/(claim ltac:(lra) hp); lra.
by move/sharp: pos; lra.
Qed.

(** The reference margin overstates, gamma = 0 included. *)
Definition eq_17_overstates_at_zero : Prop := forall (ref p : bool -> R) gamma,
  full ref -> full p -> 0 <= gamma ->
  (margin_at gamma p true false < margin_at gamma ref true false <->
   Rabs (delta p true false) < Rabs (delta ref true false)).
Theorem eq_17_overstates_at_zero_refuted : ~ eq_17_overstates_at_zero.
Proof.
move=> /(_ (of_margin 1) (of_margin 0) 0 (of_margin_full _) (of_margin_full _) (Rle_refl 0)).
rewrite /margin_at !delta_of_margin Rabs_R0 Rabs_R1 => -[_ claim]; have := claim Rlt_0_1; lra.
Qed.

(** * Chapter 7 *)

(** Proposition 5.1 with its upper bound strict. *)
Definition prop_5_1_strict : Prop := forall beta a, 0 < beta -> sp (beta * a) / beta - Rmax 0 a < ln 2 / beta.
Theorem prop_5_1_strict_refuted : ~ prop_5_1_strict.
Proof. by move=> /(_ 1 0 Rlt_0_1); have [_ [_ e]] := prop_5_1_proved 0 Rlt_0_1; rewrite e //; lra. Qed.

(** The released "cpo" target above its floor by at most half of log 2 / tau. *)
Definition code_cpo_half : Prop := forall delta_ref gamma tau, 0 < tau ->
  delta_ref + sp (tau * (gamma - delta_ref)) / tau - Rmax delta_ref gamma <= ln 2 / (2 * tau).
Theorem code_cpo_half_refuted : ~ code_cpo_half.
Proof.
move=> /(_ 0 0 1 Rlt_0_1); have [_ [_ e]] := code_cpo_proved 0 0 Rlt_0_1; rewrite e // => le.
have : 0 < ln 2 by rewrite -ln_1; apply: ln_increasing; lra.
lra.
Qed.

(** Pooling also where star ranks the pair as labelled. *)
Definition isotonic_geometric_always : Prop := forall (T : finType) (star : T -> R) w l,
  full star -> w != l ->
  only_minimiser (feasible (fun a b => (a == w) && (b == l)) (fun _ _ => 0)) (fun q => KL q star)
    (normalised (fun y => if (y == w) || (y == l) then sqrt (star w * star l) else star y)).
Theorem isotonic_geometric_always_refuted : ~ isotonic_geometric_always.
Proof.
move=> /(_ _ (of_margin 1) true false (of_margin_full 1) isT) [[hp least] _].
have right : sigma (- (1)) < sigma 1 by apply: sigma_lt; lra.
have allowed : feasible (fun a b : bool => (a == true) && (b == false)) (fun _ _ => 0) (of_margin 1).
  split; first exact/full_policy/of_margin_full.
  by case; case => //= _; rewrite exp_0 /of_margin; lra.
have := least _ allowed; rewrite (KL_self (of_margin_full 1)) => /(KL_eq0 hp.1 (of_margin_full 1)) e.
have := congr1 (fun q => q true - q false) e; rewrite /normalised /of_margin /= => k.
by have : sigma 1 - sigma (- (1)) = 0; [rewrite -k; ring|lra].
Qed.

(** Existence of the constrained optimum without a condition on cycles. *)
Definition thm_4_9_hard_any : Prop := forall (T : finType) (E : rel T) m (star : T -> R),
  full star -> exists p, only_minimiser (feasible E m) (fun q => KL q star) p.
Theorem thm_4_9_hard_any_refuted : ~ thm_4_9_hard_any.
Proof.
move=> /(_ _ (fun _ _ => true) (fun _ _ => 1) uniform uniform_is_full) [p [[[[hp sum] ok] _] _]].
have h1 := ok true false isT; have h2 := ok false true isT; rewrite sum_bool in sum.
by have := exp_ineq1 1 ltac:(lra); have := hp true; have := hp false; nra.
Qed.

(** A cycle of total margin 0 already leaves its members nothing. *)
Definition cycle_weak : Prop := forall (T : finType) (E : rel T) m p (a b : T),
  feasible E m p -> E a b -> E b a -> 0 <= m a b + m b a -> p a = 0.
Theorem cycle_weak_refuted : ~ cycle_weak.
Proof.
move=> /(_ _ (fun _ _ => true) (fun _ _ => 0) uniform true false) claim.
have : uniform true = 0; last by rewrite /uniform; lra.
apply: claim => //; last lra.
by split=> [|w l _]; [exact/full_policy/uniform_is_full|rewrite exp_0 /uniform; lra].
Qed.

(** * Theorem 4.9 with a third response *)

(** Its printed hypotheses, without delta_star < 0. *)
Definition third_response_any_sign : Prop := forall (T : finType) (ref r : T -> R) beta gamma w l o p,
  full ref -> 0 < beta -> 0 < gamma -> w != l -> w != o -> l != o ->
  let star := pi_star ref r beta in
  let a := Rabs (delta star w l) / 2 in
  1 < a -> star l <= (a - 1) * exp a * star o ->
  local_maximum (penalised ref r beta gamma (one_label w l)) p -> delta p w l < 0.

(** the local maximum (998, 1, 1)/1000 at gamma = 1/10000, and the reference that makes it one *)
Definition peaked (y : 'I_3) := if y == first then 998/1000 else 1/1000.
Definition tilt_of_peaked (y : 'I_3) := - (/ 10000 * balance (one_label first second) y / peaked y).
Definition peaked_ref := tilt peaked tilt_of_peaked.

Lemma peaked_full : full peaked.
Proof. by split=> [y|]; rewrite ?sum_three /peaked /=; [case: ifP => _|]; lra. Qed.

Lemma peaked_is_local_maximum :
  local_maximum (penalised peaked_ref (fun _ => 0) 1 (/ 10000) (one_label first second)) peaked.
Proof.
have href : full peaked_ref by exact: tilt_full peaked_full _.
pose S := \Sum_y (peaked y * exp (tilt_of_peaked y)); pose Z := partition peaked_ref (fun _ => 0) 1.
apply: (stationary_and_curved_is_local_maximum (nu := - (ln Z + ln S)) href Rlt_0_1 peaked_full) => y.
  rewrite (ln_star (fun _ => 0) 1 href) -/Z /peaked_ref /tilt (ln_normalised _ (tilt_pos peaked_full _)) -/S.
  by rewrite (ln_tilt_pos peaked_full) /tilt_of_peaked; have := peaked_full.1 y => hy; field; lra.
rewrite balance_one_label /peaked; case: (y == first); case: (y == second); lra.
Qed.

Theorem third_response_any_sign_refuted : ~ third_response_any_sign.
Proof.
have href : full peaked_ref by exact: tilt_full peaked_full _.
have hg : 0 < / 10000 by lra.
have p1 : peaked first = 998/1000 by rewrite /peaked eqxx.
have p2 : peaked second = 1/1000 by [].
have p3 : peaked third = 1/1000 by [].
have b1 : balance (one_label first second) first = 1 by rewrite balance_one_label /=; lra.
have b2 : balance (one_label first second) second = -1 by rewrite balance_one_label /=; lra.
have b3 : balance (one_label first second) third = 0 by rewrite balance_one_label /=; lra.
have margin a b : delta (pi_star peaked_ref (fun _ => 0) 1) a b = delta peaked a b + (tilt_of_peaked a -
  tilt_of_peaked b).
  by rewrite (delta_star (fun _ => 0) 1 href) (delta_tilt peaked_full); field.
have large : 5 <= ln 998.
  rewrite -(ln_exp 5); apply: ln_mono; first exact: exp_pos.
  rewrite (_ : 5 = 1 + 1 + 1 + 1 + 1); last lra.
  rewrite !exp_plus; have := exp_pos 1; have := exp_le_3; set e := exp 1 => h1 h2.
  have : e * e <= 9 by nra. move=> h3; have : e * e * e * e <= 81 by nra.
  by nra.
have d12 : delta peaked first second = ln 998.
  by rewrite /delta p1 p2 -ln_div; [congr ln; field|lra..].
have t1 : tilt_of_peaked first = - (/ 10000 * 1 / (998/1000)) by rewrite /tilt_of_peaked b1 p1.
have t2 : tilt_of_peaked second = / 10 by rewrite /tilt_of_peaked b2 p2; field.
have t3 : tilt_of_peaked third = 0 by rewrite /tilt_of_peaked b3 p3; field.
move=> claim; have k := claim _ peaked_ref (fun _ => 0) 1 (/ 10000) first second third peaked href Rlt_0_1 hg
  isT isT isT.
cbv zeta in k; rewrite margin d12 t1 t2 in k.
have da : 4 <= ln 998 + (- (/ 10000 * 1 / (998 / 1000)) - / 10) by lra.
rewrite Rabs_right in k; last lra.
suff: ln 998 < 0 by lra.
apply: k => [||]; [lra| |exact: peaked_is_local_maximum].
set a := _ / 2; have ha : 2 <= a by rewrite /a; lra.
have star_pos y : 0 < pi_star peaked_ref (fun _ => 0) 1 y by exact: (star_full (fun _ => 0) 1 href).1.
have ratio : pi_star peaked_ref (fun _ => 0) 1 second = exp (/ 10) * pi_star peaked_ref (fun _ => 0) 1 third.
  have := margin second third; rewrite /delta p2 p3 t2 t3 => e.
  rewrite -(exp_ln _ (star_pos second)) -(exp_ln _ (star_pos third)) -exp_plus; congr exp; lra.
rewrite ratio; apply: Rmult_le_compat_r; first exact: Rlt_le.
have h1 : exp (/ 10) < exp a by apply: exp_increasing; lra.
have h2 := exp_pos a; nra.
Qed.
