(** Chapter 6. The reference margin of Eq. 17-19: where it overstates the exact one, the optimum of its loss, and how
    it contradicts itself around triangles. *)
From Coq Require Import Reals Lra Psatz.
From mathcomp Require Import ssreflect ssrfun ssrbool eqtype ssrnat seq choice fintype bigop.
From Formal Require Import definitions sums softplus ch1_rlhf definitions_cpo claims_cpo ch6_level ch6_two_responses.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Open Scope R_scope.

(** ** Two responses: 1/p_w + 1/p_l = 2 + 2 cosh(delta) *)

Lemma margin_is_cosh gamma p : full p -> margin_at gamma p true false = gamma * (2 + 2 * cosh (delta p true false)).
Proof.
move=> hp; set d := delta p true false; rewrite /margin_at !(policy_is_its_margin hp) -/d /= /sigma /cosh
  Ropp_involutive.
by have h1 := exp_pos d; have h2 := exp_pos (- d); field; lra.
Qed.

Lemma cosh_even x : cosh (Rabs x) = cosh x.
Proof. by rewrite /Rabs; case: Rcase_abs => _ //; rewrite /cosh Ropp_involutive; lra. Qed.

Lemma cosh_lt x y : 0 <= x < y -> cosh x < cosh y.
Proof.
move=> [hx hxy]; have [cx ex] := cosh_sinh x; have [cy ey] := cosh_sinh y.
have := sinh_lt hxy; have : 0 <= sinh x by case: hx => [/sinh_lt|<-]; rewrite sinh_0; lra.
nra.
Qed.

Lemma cosh_lt_iff x y : cosh x < cosh y <-> Rabs x < Rabs y.
Proof.
rewrite -(cosh_even x) -(cosh_even y); have hx := Rabs_pos x; have hy := Rabs_pos y.
split=> [lt|lt]; last by apply: cosh_lt; lra.
case: (Rtotal_order (Rabs x) (Rabs y)) => [//|[e|gt]]; first by rewrite e in lt; lra.
by have := @cosh_lt (Rabs y) (Rabs x) ltac:(lra); lra.
Qed.

Theorem eq_17_overstates_proved : eq_17_overstates.
Proof.
move=> ref p gamma hr hp hg; rewrite !margin_is_cosh //.
have iff : gamma * (2 + 2 * cosh (delta p true false)) < gamma * (2 + 2 * cosh (delta ref true false)) <->
    Rabs (delta p true false) < Rabs (delta ref true false).
  by rewrite -cosh_lt_iff; split=> lt; [apply: (Rmult_lt_reg_l gamma); lra|apply: Rmult_lt_compat_l; lra].
by split=> // -[_ hU]; apply/iff; rewrite !Rabs_left; lra.
Qed.

(** ** Two local maxima with their margins known *)

(** reference margin [d], local maximum at [at_]: the reward that makes it so *)
Definition reward_for kappa d at_ (b : bool) := if b then level kappa at_ - d else 0 : R.

Lemma local_maximum_by_design kappa d at_ : 0 < kappa -> at_ < top kappa ->
  local_maximum (penalised (of_margin d) (reward_for kappa d at_) 1 kappa (one_label true false)) (of_margin at_).
Proof.
move=> hk lt; have e : kappa / 1 = kappa by field.
apply: stationary_below_top_is_local_maximum; rewrite ?e ?delta_of_margin //; try exact: of_margin_full; try lra.
by rewrite (delta_star _ 1 (of_margin_full d)) delta_of_margin /reward_for; lra.
Qed.

Theorem eq_17_refuted : ~ eq_17.
Proof.
move=> /(_ (of_margin (-2)) (reward_for (/ 4) (-2) 0) 1 (/ 4) (of_margin 0)) claim.
have hk : 0 < / 4 by lra.
have := claim (of_margin_full _) Rlt_0_1 hk _ (local_maximum_by_design _ hk (top_positive hk)).
rewrite /reward_for level_at_zero !margin_is_cosh; try exact: of_margin_full.
rewrite !delta_of_margin => e; have := e ltac:(lra).
by have : cosh 0 < cosh (-2); [apply/cosh_lt_iff; rewrite Rabs_R0 Rabs_left; lra|lra].
Qed.

Theorem eq_17_overstates_always_refuted : ~ eq_17_overstates_always.
Proof.
move=> /(_ (of_margin (- / 2)) (reward_for (/ 4) (- / 2) 1) 1 (/ 4) (of_margin 1)) claim.
have hk : 0 < / 4 by lra.
have e1 := exp_le_3; have e2 := exp_ge1x 1.
have e3 : exp (Ropp 1) <= / 2 by rewrite exp_Ropp; apply: Rinv_le_contravar; lra.
have e4 := exp_pos (Ropp 1).
have below : 1 < top (/ 4).
  apply: Rnot_le_lt => le; have : sinh (top (/ 4)) <= sinh 1 by case: le => [/sinh_lt|->]; lra.
  by have := sinh_top hk; rewrite /sinh => h1 h2; lra.
have := claim (of_margin_full _) Rlt_0_1 hk _ _ (local_maximum_by_design _ hk below).
rewrite /reward_for /level !margin_is_cosh; try exact: of_margin_full.
rewrite !delta_of_margin => e.
have hc : cosh 1 <= 7 / 4 by rewrite /cosh; lra.
have := e ltac:(lra) ltac:(lra).
by have : cosh (- / 2) < cosh 1; [apply/cosh_lt_iff; rewrite Rabs_left ?Rabs_right; lra|lra].
Qed.

(** ** The loss with a fixed margin *)

Section MarginLoss.
Variables (T : finType) (ref r : T -> R) (beta : R) (w l : T).
Hypotheses (href : full ref) (hb : 0 < beta) (wl : w != l).

Lemma margin_loss_is_cross_entropy margin p :
  margin_loss ref r beta w l margin (- margin) p = cross_entropy (r w - r l) (beta * h ref p w l - margin).
Proof.
rewrite /margin_loss /cross_entropy (h_opp ref p w l); congr (_ + sigma _ * sp _); lra.
Qed.

Lemma least_at_target margin p : minimises full (margin_loss ref r beta w l margin (- margin)) p <->
  full p /\ delta p w l = delta ref w l + (r w - r l + margin) / beta.
Proof.
have target q : beta * h ref q w l - margin = r w - r l <-> delta q w l = delta ref w l + (r w - r l + margin) / beta.
  rewrite /h; have k : beta * ((r w - r l + margin) / beta) = r w - r l + margin by field; lra.
  by split=> e; [apply: (Rmult_eq_reg_l beta); lra|rewrite e; lra].
split=> [[hp least]|[hp /target e]]; split=> //; last first.
  by move=> q _; rewrite !margin_loss_is_cross_entropy e; exact: cross_entropy_least.
have [q [hq /target e]] := policy_with_margin href (delta ref w l + (r w - r l + margin) / beta) wl.
by apply/target/cross_entropy_only; have := least q hq; rewrite !margin_loss_is_cross_entropy e.
Qed.
End MarginLoss.

Theorem eq_19_proved : eq_19.
Proof.
move=> T ref r beta w l href hb wl; split=> [margin p|gamma]; first exact: least_at_target.
have hw := href.1 w; have hl := href.1 l.
have hs : 0 < 1 / ref w + 1 / ref l by have := div_pos Rlt_0_1 hw; have := div_pos Rlt_0_1 hl; lra.
rewrite /margin_at; set s := 1 / ref w + 1 / ref l in hs *; set d := delta ref w l; set a := r w - r l.
have e1 : beta * (d + (a + gamma * s) / beta) = beta * d + a + gamma * s by field; lra.
have e2 : - (beta * d + a) / s * s = - (beta * d + a) by field; lra.
split=> lt; [apply: (Rmult_lt_reg_r s) => //|apply: (Rmult_lt_reg_l beta) => //].
  by have := Rmult_lt_compat_l _ _ _ hb lt; lra.
by have := Rmult_lt_compat_r _ _ _ hs lt; lra.
Qed.

Theorem eq_19_each_label_refuted : ~ eq_19_each_label.
Proof.
pose zero (b : bool) := 0 : R.
move=> /(_ _ (of_margin 0) zero 1 true false 1 (of_margin 1) (of_margin_full _) Rlt_0_1 isT Rlt_0_1 (of_margin_full _)).
rewrite !delta_of_margin /zero => claim; have [_ /(_ (of_margin 0) (of_margin_full 0))] := claim ltac:(lra).
rewrite /margin_loss !(h_opp _ _ true false) /h !delta_of_margin Rminus_eq_0.
have hs := sigma_pos 0.
have -> : - (1 * (1 - 0) - 1) = 0 by lra.
have -> : - (1 * - (1 - 0) - 1) = 2 by lra.
have -> : - (1 * 0 - 1) = 1 by lra.
have -> : - (1 * - 0 - 1) = 1 by lra.
have := @sp_midpoint 0 2 ltac:(lra); rewrite (_ : (0 + 2) / 2 = 1); last by field.
nra.
Qed.

Theorem triangle_defect_proved : triangle_defect.
Proof.
move=> T ref r p beta gamma a b c href hb hg.
have ha := href.1 a; have hb' := href.1 b; have hc := href.1 c.
have defect : margin_at gamma ref a b + margin_at gamma ref b c - margin_at gamma ref a c = 2 * gamma / ref b.
  by rewrite /margin_at; field; lra.
have pos : 0 < 2 * gamma / ref b by apply: div_pos; lra.
split=> //; split=> // target [e1 [e2 e3]].
have sum : target a b + target b c = target a c by rewrite -e1 -e2 -e3 /delta; lra.
have : 2 * gamma / ref b = 0; last lra.
rewrite -defect; apply: (Rmult_eq_reg_r (/ beta)); last by have := Rinv_0_lt_compat _ hb; lra.
by move: sum; rewrite /target /delta /Rdiv; nra.
Qed.
