(** Chapter 1. The RLHF optimum: closed form, derivatives, reward classes; Assumption 3.1; the undesirable set U of
    Definition 3.3 and what Proposition 3.4 says of it. *)
From Coq Require Import Reals Lra Psatz FunctionalExtensionality.
From Coquelicot Require Import Coquelicot.
From mathcomp Require Import ssreflect ssrfun ssrbool eqtype ssrnat seq choice fintype bigop.
From Formal Require Import definitions sums softplus claims.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Open Scope R_scope.

Section Optimum.
Variables (T : finType) (ref r : T -> R) (beta : R).
Hypotheses (ref_full : full ref) (beta_pos : 0 < beta).
Notation star := (pi_star ref r beta).

Lemma star_tilt : star = tilt ref (fun y => r y / beta).
Proof. by []. Qed.

Lemma star_full : full star.
Proof. exact: tilt_full. Qed.

Lemma partition_pos : 0 < partition ref r beta.
Proof.
have [y _] := policy_inhabited (full_policy ref_full).
by apply: (mass_pos y) => z; exact: (tilt_pos ref_full (fun y => r y / beta)).
Qed.

Lemma ln_star y : ln (star y) = ln (ref y) + r y / beta - ln (partition ref r beta).
Proof.
rewrite (ln_normalised y (tilt_pos ref_full (fun y => r y / beta))).
by rewrite (ln_tilt_pos ref_full (fun y => r y / beta)).
Qed.

Lemma delta_star w l : delta star w l = delta ref w l + (r w - r l) / beta.
Proof. by rewrite star_tilt delta_tilt //; lra. Qed.

Lemma h_star w l : beta * h ref star w l = r w - r l.
Proof. by rewrite star_tilt h_tilt //; field; lra. Qed.

(** Response by response p r - beta p log(p/ref) = p V - beta p log(p/star), also where p = 0. *)
Lemma J_is_V_less_KL p : policy p -> J ref r beta p = V ref r beta - beta * KL p star.
Proof.
move=> [hp sp1].
suff: \Sum_y (p y * r y - beta * (p y * ln (p y / ref y)))
    = \Sum_y (V ref r beta * p y - beta * (p y * ln (p y / star y))).
  by rewrite !sumB !sumZ sp1 -/(KL p ref) -/(KL p star) /J /mean; lra.
apply: eq_bigr => y _; case: (hp y) => [hy|<-]; last by lra.
rewrite (ln_div hy (ref_full.1 y)) (ln_div hy (star_full.1 y)).
by rewrite ln_star /V; field; lra.
Qed.

Lemma J_star : J ref r beta star = V ref r beta.
Proof. by rewrite J_is_V_less_KL; [rewrite KL_self; [lra|exact: star_full]|exact/full_policy/star_full]. Qed.

Lemma star_is_best p : policy p -> J ref r beta p <= V ref r beta.
Proof.
move=> hp; rewrite J_is_V_less_KL //.
by have := Rmult_le_pos _ _ (Rlt_le _ _ beta_pos) (KL_ge0 hp star_full); lra.
Qed.

Lemma star_alone_is_best p : policy p -> V ref r beta <= J ref r beta p -> p = star.
Proof.
move=> hp; rewrite J_is_V_less_KL // => le; apply: KL_eq0 => //; first exact: star_full.
by apply: (Rmult_le_reg_l beta) => //; lra.
Qed.
End Optimum.

Theorem rlhf_closed_form_proved : rlhf_closed_form.
Proof.
move=> T ref r beta ref_full beta_pos; have hs := full_policy (star_full r beta ref_full).
split; first exact: star_full.
split=> [p|]; first exact: J_is_V_less_KL.
split; first exact: J_star.
have best : maximises policy (J ref r beta) (pi_star ref r beta).
  by split=> // p hp; rewrite J_star //; exact: star_is_best.
split=> // p [hp hmax]; apply: star_alone_is_best => //.
by rewrite -(J_star r ref_full beta_pos); exact: hmax.
Qed.

(** * Derivatives in beta, through M(t) = \Sum ref e^(t r) and M'(t) = \Sum ref r e^(t r), t = 1/beta *)

Lemma is_derive_sum (T : finType) (f : T -> R -> R) (f' : T -> R) x :
  (forall y, is_derive (f y) x (f' y)) -> is_derive (fun t => \Sum_y f y t) x (\Sum_y f' y).
Proof.
move=> hf; rewrite -[index_enum _]/(index_enum T); elim: (index_enum T) => [|y s ih].
  rewrite big_nil; apply: (is_derive_ext (fun _ => 0)); last exact: (@is_derive_const R_AbsRing R_NormedModule).
  by move=> t; rewrite big_nil.
rewrite big_cons; apply: (is_derive_ext (fun t => f y t + \big[Rplus/0]_(i <- s) f i t)).
  by move=> t; rewrite big_cons.
exact: (@is_derive_plus R_AbsRing R_NormedModule).
Qed.

Section Derivatives.
Variables (T : finType) (ref r : T -> R).
Hypothesis ref_full : full ref.
Definition moment k t := \Sum_y (ref y * r y ^ k * exp (t * r y)).

Lemma moment_pos t : 0 < moment 0 t.
Proof.
have [y _] := policy_inhabited (full_policy ref_full).
apply: (mass_pos y) => z; rewrite pow_O Rmult_1_r.
by apply: Rmult_lt_0_compat; [exact: ref_full.1|exact: exp_pos].
Qed.

Lemma moment_slope k t : is_derive (moment k) t (moment k.+1 t).
Proof.
apply: is_derive_sum => y; evar_last; first by auto_derive.
by rewrite /=; ring.
Qed.

Lemma partition_moment t : 0 < t -> partition ref r (/ t) = moment 0 t.
Proof. by move=> ht; apply: eq_bigr => y _; rewrite /= Rmult_1_r; congr (_ * exp _); field; lra. Qed.

(** E[r^k] under pi_star is M^(k)/M *)
Lemma star_moment k t : 0 < t -> mean (pi_star ref r (/ t)) (fun y => r y ^ k) = moment k t / moment 0 t.
Proof.
move=> ht; rewrite /mean /pi_star partition_moment // /Rdiv Rmult_comm -sumZ.
apply: eq_bigr => y _; have -> : r y * / / t = t * r y by field; lra.
by ring.
Qed.

Lemma star_mean t : 0 < t -> mean (pi_star ref r (/ t)) r = moment 1 t / moment 0 t.
Proof. by move=> ht; rewrite -star_moment //; apply: eq_bigr => y _; rewrite /= Rmult_1_r. Qed.

Lemma variance_moments p : policy p -> variance p r = mean p (fun y => r y ^ 2) - mean p r ^ 2.
Proof.
case=> _ sp1; rewrite /variance; set m := mean p r.
transitivity (\Sum_y (p y * r y ^ 2 - 2 * m * (p y * r y) + m ^ 2 * p y)).
  by apply: eq_bigr => y _; ring.
by rewrite sumD sumB !sumZ sp1 -/(mean p r) -/m /mean; ring.
Qed.

Lemma mean_slope t : 0 < t ->
  is_derive (fun t => mean (pi_star ref r (/ t)) r) t (variance (pi_star ref r (/ t)) r).
Proof.
move=> ht; have hM := moment_pos t.
apply: (is_derive_ext_loc (fun t => moment 1 t / moment 0 t)).
  by apply: filter_imp (open_gt 0 t ht) => u hu; rewrite star_mean.
rewrite variance_moments; last exact/full_policy/star_full.
rewrite star_moment // star_mean //; evar_last.
  by apply: is_derive_div; [exact: moment_slope|exact: moment_slope|lra].
by field; lra.
Qed.

(** KL(star || ref) = t M'/M - log M *)
Lemma KL_star_ref beta : 0 < beta ->
  KL (pi_star ref r beta) ref = mean (pi_star ref r beta) r / beta - ln (partition ref r beta).
Proof.
move=> hb; have hs := star_full r beta ref_full.
have := J_star r ref_full hb; rewrite /J /V => e.
by apply: (Rmult_eq_reg_l beta); [field_simplify; lra|lra].
Qed.

Lemma value_slope beta : 0 < beta -> is_derive (V ref r) beta (- KL (pi_star ref r beta) ref).
Proof.
move=> hb; have hM := moment_pos (/ beta); have ht := Rinv_0_lt_compat _ hb.
have em : mean (pi_star ref r beta) r = moment 1 (/ beta) / moment 0 (/ beta) by rewrite -star_mean // Rinv_inv.
have ep : partition ref r beta = moment 0 (/ beta) by rewrite -partition_moment // Rinv_inv.
apply: (is_derive_ext_loc (fun b => b * ln (moment 0 (/ b)))).
  apply: filter_imp (open_gt 0 beta hb) => u hu.
  by rewrite -partition_moment ?Rinv_inv //; exact: Rinv_0_lt_compat.
rewrite KL_star_ref // em ep.
have d : is_derive (fun b => ln (moment 0 (/ b))) beta (/ moment 0 (/ beta) * (moment 1 (/ beta) * - (/ beta ^ 2))).
  evar_last; first apply: (is_derive_comp (fun t => ln (moment 0 t)) Rinv).
  - apply: (is_derive_comp ln (moment 0)); last exact: moment_slope.
    exact: is_derive_ln.
  - by apply: is_derive_inv; [exact: is_derive_id|lra].
  by rewrite /scal /= /mult /= /one /=; field; split; lra.
evar_last; first apply: (@is_derive_mult R_AbsRing (fun b => b)); [exact: is_derive_id|exact: d|exact: Rmult_comm|].
by rewrite /plus /mult /one /=; field; lra.
Qed.
End Derivatives.

Theorem rlhf_derivatives_proved : rlhf_derivatives.
Proof.
move=> T ref r beta ref_full hb; split; apply/is_derive_Reals; first exact: value_slope.
rewrite -[X in variance (pi_star ref r X)](Rinv_inv beta).
by apply: mean_slope => //; exact: Rinv_0_lt_compat.
Qed.

(** * Reward classes and Assumption 3.1 *)

Theorem rlhf_reward_class_proved : rlhf_reward_class.
Proof.
move=> T ref r f beta ref_full hb; have [y0 _] := policy_inhabited (full_policy ref_full); split; last first.
  exists (- (beta * ln (partition ref r beta))) => y.
  by rewrite ln_div ?ln_star //; [field; lra|exact: (star_full r beta ref_full).1|exact: ref_full.1].
split=> [e|[c hc]].
  exists (f y0) => y; have := delta_star (fun y => r y + f y) beta ref_full y y0.
  rewrite e delta_star // => e1; have : (r y - r y0) / beta = (r y + f y - (r y0 + f y0)) / beta by lra.
  by rewrite /Rdiv => /Rmult_eq_reg_r; have := Rinv_0_lt_compat _ hb => hi e2; have := e2 (Rgt_not_eq _ _ hi); lra.
apply: full_eq; [exact: star_full|exact: star_full|] => a b.
by rewrite !delta_star // !hc; congr (_ + _ / _); lra.
Qed.

Theorem assumption_3_1_proved : assumption_3_1.
Proof.
move=> T ref r beta w l ref_full hb; rewrite /Rgt -(delta_gt0 w l (star_full r beta ref_full)) delta_star //.
by rewrite /Rdiv Ropp_mult_distr_l_reverse; split; lra.
Qed.

(** * The undesirable set U *)

Theorem def_3_3_proved : def_3_3.
Proof.
move=> T ref w l ref_full wl; split=> [[p [_ hU]]|neg]; first lra.
have [p [hp e]] := policy_with_margin ref_full (delta ref w l / 2) wl.
by exists p; split=> //; rewrite e; lra.
Qed.

Theorem def_3_3_loss_proved : def_3_3_loss.
Proof.
move=> T ref beta w l p ref_full hb [hp [h1 h2]]; rewrite !dpo_one_label h_self Rmult_0_r Ropp_0 sp0.
split; last by split=> //; apply/(delta_lt0 w l hp).
rewrite -sp0; apply: sp_lt.
by have := Rmult_lt_0_compat beta (h ref p w l); rewrite /h; lra.
Qed.

Theorem prop_3_4_proved : prop_3_4.
Proof.
move=> T ref r beta w l ref_full hb hr hd; split; first exact: star_full.
rewrite delta_star //; have := div_pos hr hb.
by move: hd; rewrite /Rdiv Ropp_mult_distr_l_reverse; lra.
Qed.

Theorem grid_u_proved : grid_u.
Proof. by split=> //=; do ! (case: Rlt_dec => /= ?; try lra). Qed.

(** Two responses on which the reference prefers the wrong one by [d]. *)
Definition leaning d : bool -> R := tilt (fun _ => / 2) (fun b => if b then - d else 0).

Lemma uniform_full : full (fun _ : bool => / 2).
Proof. by split=> [_|]; rewrite ?sum_bool; lra. Qed.

Lemma leaning_full d : full (leaning d).
Proof. exact: (tilt_full uniform_full). Qed.

Lemma leaning_delta d : delta (leaning d) true false = - d.
Proof. by rewrite (delta_tilt uniform_full) /delta; lra. Qed.

Theorem prop_3_4_necessity_refuted : ~ prop_3_4_necessity.
Proof.
move=> /(_ _ (leaning 1) (fun b => if b then 2 else 0) 1 true false (leaning_full 1) Rlt_0_1).
rewrite leaning_delta => necessity.
have : - 1 < - (2 - 0) / 1; last lra.
apply: necessity; first lra.
have [p [hp e]] := policy_with_margin uniform_full (- / 2) (isT : true != false).
by exists p; split=> //; rewrite e leaning_delta; lra.
Qed.

Theorem prop_3_4_weaker_proved : prop_3_4_weaker.
Proof.
move=> beta delta_ref hb; split; first exact: loss_slope.
split=> [d d' lt|]; first by apply: sigma_lt; have := Rmult_lt_compat_l beta d d'; lra.
by split; [congr sigma; lra|exact: sigma_pos].
Qed.

Theorem prop_3_4_vanishes_refuted : ~ prop_3_4_vanishes.
Proof. by move=> /(_ 1 (-1)); have := sigma_pos (- (1 * (0 - -1))); lra. Qed.
