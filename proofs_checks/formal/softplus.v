(** Softplus sp z = log(1 + e^z), the logistic function sigma = sp', and the cross-entropy of a labelled pair. *)
From Coq Require Import Reals Lra Psatz.
From Coquelicot Require Import Coquelicot.
From mathcomp Require Import ssreflect ssrfun ssrbool eqtype ssrnat seq choice fintype bigop.
From Formal Require Import definitions sums.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Open Scope R_scope.

Lemma sigma_pos z : 0 < sigma z.
Proof. by apply: Rinv_0_lt_compat; have := exp_pos (- z); lra. Qed.

Lemma sigma_opp z : sigma z + sigma (- z) = 1.
Proof. by rewrite /sigma Ropp_involutive exp_Ropp; have := exp_pos z => hz; field; lra. Qed.

Lemma sigma_lt a b : a < b -> sigma a < sigma b.
Proof.
move=> ab; apply: Rinv_lt_contravar.
  by apply: Rmult_lt_0_compat; have := exp_pos (- a); have := exp_pos (- b); lra.
by have := exp_increasing (- b) (- a); lra.
Qed.

Lemma sigma_inj a b : sigma a = sigma b -> a = b.
Proof. by case: (Rtotal_order a b) => [/sigma_lt|[//|/sigma_lt]]; lra. Qed.

Lemma sp_pos z : 0 < sp z.
Proof. by rewrite -ln_1; apply: ln_increasing; have := exp_pos z; lra. Qed.

Lemma sp0 : sp 0 = ln 2.
Proof. by rewrite /sp exp_0; congr ln; lra. Qed.

Lemma sp_lt a b : a < b -> sp a < sp b.
Proof. by move=> ab; apply: ln_increasing; have := exp_increasing _ _ ab; have := exp_pos a; lra. Qed.

Lemma sp_le a b : a <= b -> sp a <= sp b.
Proof. by case=> [/sp_lt|->]; lra. Qed.

Lemma sp_lt_iff a b : sp a < sp b <-> a < b.
Proof. by split; [case: (Rlt_le_dec a b) => // /sp_le; lra|exact: sp_lt]. Qed.

Lemma sp_inj a b : sp a = sp b -> a = b.
Proof. by case: (Rtotal_order a b) => [/sp_lt|[//|/sp_lt]]; lra. Qed.

Lemma sp_odd z : sp z = z + sp (- z).
Proof.
rewrite /sp -{2}(ln_exp z) -ln_mult; [|exact: exp_pos|have := exp_pos (- z); lra].
by congr ln; rewrite Rmult_plus_distr_l -exp_plus Rplus_opp_r exp_0; lra.
Qed.

Lemma sp_gt z : z < sp z.
Proof. by rewrite sp_odd; have := sp_pos (- z); lra. Qed.

Lemma sp_sigma z : sp (- z) = - ln (sigma z).
Proof. by rewrite /sp /sigma ln_Rinv; [lra|have := exp_pos (- z); lra]. Qed.

(** sp climbs by less than it is moved. *)
Lemma sp_climbs_less z t : 0 < t -> sp (z + t) < sp z + t.
Proof. by move=> ht; rewrite (sp_odd (z + t)) (sp_odd z); have := @sp_lt (- (z + t)) (- z); lra. Qed.

Lemma sp_lipschitz a b : sp a <= sp b + Rabs (a - b).
Proof.
have [ab|ab] := Rle_lt_dec a b; first by have := sp_le ab; have := Rabs_pos (a - b); lra.
rewrite Rabs_right; last lra.
have := @sp_climbs_less b (a - b); rewrite (_ : b + (a - b) = a); lra.
Qed.

(** sp reaches every positive number. *)
Lemma sp_onto v : 0 < v -> exists z, sp z = v.
Proof.
move=> hv; have he : 0 < exp v - 1 by have := exp_ineq1 v; lra.
exists (ln (exp v - 1)); rewrite /sp exp_ln // -[RHS]ln_exp; congr ln; lra.
Qed.

Lemma sp_small eps : 0 < eps -> exists z, forall x, x <= z -> sp x < eps.
Proof.
move=> he; have [z hz] : exists z, sp z = eps / 2 by apply: sp_onto; lra.
by exists z => x /sp_le; lra.
Qed.

(** ** Strict midpoint convexity *)

Lemma sp_midpoint a b : a <> b -> 2 * sp ((a + b) / 2) < sp a + sp b.
Proof.
move=> ab; have h1 := exp_pos (a / 2); have h2 := exp_pos (b / 2).
have e z : exp z = exp (z / 2) * exp (z / 2) by rewrite -exp_plus; congr exp; field.
have ne : exp (a / 2) <> exp (b / 2) by move/exp_inv; lra.
have -> : 2 * sp ((a + b) / 2) = sp ((a + b) / 2) + sp ((a + b) / 2) by lra.
have em : exp ((a + b) / 2) = exp (a / 2) * exp (b / 2) by rewrite -exp_plus; congr exp; field.
rewrite /sp em (e a) (e b) -!ln_mult; try by nra.
apply: ln_increasing; first by nra.
have := Rlt_0_sqr _ (Rminus_eq_contra _ _ ne); rewrite /Rsqr; nra.
Qed.

Lemma sp_midpoint_le a b : 2 * sp ((a + b) / 2) <= sp a + sp b.
Proof.
case: (Req_dec a b) => [->|/sp_midpoint]; last lra.
by rewrite (_ : (b + b) / 2 = b); [lra|field].
Qed.

(** ** Its midpoint gap, away from b, is at least that at a distance eps *)

Definition gap b x := sp x + sp b - 2 * sp ((x + b) / 2).

Lemma gap_ge0 b x : 0 <= gap b x.
Proof. by rewrite /gap; have := sp_midpoint_le x b; lra. Qed.

Lemma gap_pos b x : x <> b -> 0 < gap b x.
Proof. by rewrite /gap => /sp_midpoint; lra. Qed.

Lemma gap_opp b x : gap (- b) (- x) = gap b x.
Proof.
rewrite /gap (sp_odd x) (sp_odd b) (sp_odd ((x + b) / 2)).
by rewrite (_ : (- x + - b) / 2 = - ((x + b) / 2)); lra.
Qed.

(** What sp gains over a distance t grows along the line. *)
Lemma sp_gains_grow y y' t : 0 <= t -> y <= y' -> sp (y + t) + sp y' <= sp (y' + t) + sp y.
Proof.
move=> t0 le; have ey := exp_pos y; have ey' := exp_pos y'.
have et : 1 <= exp t by have := exp_ge1x t; lra.
have mono : exp y <= exp y' by case: le => [/exp_increasing|->]; lra.
have gain : 0 <= (exp y' - exp y) * (exp t - 1) by apply: Rmult_le_pos; lra.
rewrite /sp !exp_plus -(ln_mult (1 + exp y * exp t)) -?(ln_mult (1 + exp y' * exp t)); try nra.
by apply: ln_mono; nra.
Qed.

Lemma gap_far b eps : 0 < eps -> exists g, 0 < g /\ forall x, eps <= Rabs (x - b) -> g <= gap b x.
Proof.
have right c x : 0 < eps -> c + eps <= x -> gap c (c + eps) <= gap c x.
  move=> he le; pose t := (x - c - eps) / 2; have t0 : 0 <= t by rewrite /t; lra.
  have := @sp_gains_grow (c + eps / 2) (c + eps) t t0; have := @sp_gains_grow (c + eps / 2) (c + eps + t) t t0.
  rewrite /gap (_ : (c + eps + c) / 2 = c + eps / 2); last lra.
  rewrite (_ : (x + c) / 2 = c + eps / 2 + t); last by rewrite /t; lra.
  by rewrite (_ : c + eps + t + t = x); [lra|rewrite /t; lra].
move=> he; exists (Rmin (gap b (b + eps)) (gap (- b) (- b + eps))); split.
  by apply: Rmin_pos; apply: gap_pos; lra.
move=> x; rewrite /Rabs; case: Rcase_abs => hx le.
  rewrite -(gap_opp b x); apply: Rle_trans (Rmin_r _ _) _; apply: right => //; lra.
apply: Rle_trans (Rmin_l _ _) _; apply: right => //; lra.
Qed.

(** ** Derivatives *)

Lemma is_derive_sp z : is_derive sp z (sigma z).
Proof.
rewrite /sp /sigma; have hz := exp_pos z; auto_derive; first lra.
by rewrite exp_Ropp; field; split; lra.
Qed.

(** the slope of one pair's loss in its margin *)
Lemma loss_slope beta delta_ref d :
  derivable_pt_lim (fun d => sp (- (beta * (d - delta_ref)))) d (- (beta * sigma (- (beta * (d - delta_ref))))).
Proof.
apply/is_derive_Reals; evar_last.
  apply: (is_derive_comp sp (fun d => - (beta * (d - delta_ref)))); first exact: is_derive_sp.
  by auto_derive; last reflexivity.
by rewrite /scal /= /mult /=; ring.
Qed.

(** ** Cross-entropy: with rates sigma(x), sigma(-x) it is least exactly at z = x *)

Definition cross_entropy x z := sigma x * sp (- z) + sigma (- x) * sp z.

Lemma cross_entropy_gap x z : cross_entropy x z - cross_entropy x x =
  sigma x * ln (sigma x / sigma z) + sigma (- x) * ln (sigma (- x) / sigma (- z)).
Proof.
have e u : sp u = - ln (sigma (- u)) by rewrite -sp_sigma Ropp_involutive.
rewrite /cross_entropy !ln_div; try exact: sigma_pos.
by rewrite !e !Ropp_involutive; lra.
Qed.

Lemma cross_entropy_least x z : cross_entropy x x <= cross_entropy x z.
Proof.
have := cross_entropy_gap x z; have := xlnx_ge (Rlt_le _ _ (sigma_pos x)) (sigma_pos z).
have := xlnx_ge (Rlt_le _ _ (sigma_pos (- x))) (sigma_pos (- z)).
by have := sigma_opp x; have := sigma_opp z; lra.
Qed.

Lemma cross_entropy_only x z : cross_entropy x z <= cross_entropy x x -> z = x.
Proof.
move=> le; symmetry; apply: sigma_inj; apply: xlnx_eq; [exact/Rlt_le/sigma_pos|exact: sigma_pos|].
have := cross_entropy_gap x z; have := xlnx_ge (Rlt_le _ _ (sigma_pos (- x))) (sigma_pos (- z)).
by have := sigma_opp x; have := sigma_opp z; lra.
Qed.

(** ** The reference's own loss, and one label's *)

Section Losses.
Variables (T : finType) (ref : T -> R) (beta : R).

Lemma dpo_one_label w l p : dpo_loss ref beta (one_label w l) p = sp (- (beta * h ref p w l)).
Proof.
rewrite -(sum2_at (fun a b => sp (- (beta * h ref p a b))) w l); apply: eq_sum2 => a b.
by rewrite /one_label; case: ifP => _; lra.
Qed.

Lemma h_self w l : h ref ref w l = 0.
Proof. by rewrite /h; lra. Qed.
End Losses.
