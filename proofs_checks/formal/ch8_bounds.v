(** Chapter 8, the literature: losses with noise and with floors, a divergence that reaches 0, a price on a cost. *)
From Coq Require Import Reals Lra Psatz.
From Coquelicot Require Import Coquelicot.
From mathcomp Require Import ssreflect ssrfun ssrbool eqtype ssrnat seq choice fintype bigop.
From Formal Require Import definitions sums softplus ch1_rlhf calculus definitions_cpo claims_literature ch5_descent.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Open Scope R_scope.

Theorem rdpo_empirical_unbounded_proved : rdpo_empirical_unbounded.
Proof.
move=> eps k k' he k0 k0' loss; pose a := ((1 - eps) * k - eps * k') / (1 - 2 * eps).
pose b := ((1 - eps) * k' - eps * k) / (1 - 2 * eps).
have i0 : 0 < / (1 - 2 * eps) by apply: Rinv_0_lt_compat; lra.
have total z : k * loss z + k' * loss (- z) = a * sp (- z) + b * sp z.
  by rewrite /loss Ropp_involutive /a /b; field; lra.
have ab : a + b = k + k' by rewrite /a /b; field; lra.
have sign u : (0 <= u / (1 - 2 * eps) <-> 0 <= u).
  split=> [h|h]; last by apply: Rmult_le_pos; lra.
  have -> : u = u / (1 - 2 * eps) * (1 - 2 * eps) by field; lra.
  by apply: Rmult_le_pos; lra.
(* along z = - T the sum is a T + (a + b) sp(- T), along z = T it is b T + (a + b) sp(- T) *)
have falls u v : 0 <= u + v -> u < 0 -> forall m, exists z, 0 <= z /\ u * sp z + v * sp (- z) < m.
  move=> uv neg m; pose z := Rmax 0 (((u + v) * ln 2 - m + 1) / - u); exists z; split; first exact: Rmax_l.
  have z0 : 0 <= z by exact: Rmax_l.
  have le : sp (- z) <= ln 2 by rewrite -sp0; apply: sp_le; lra.
  have big : (u + v) * ln 2 - m + 1 <= - u * z.
    have := Rmult_le_compat_l (- u) _ _ ltac:(lra) (Rmax_r 0 (((u + v) * ln 2 - m + 1) / - u)); rewrite -/z.
    by rewrite (_ : - u * (((u + v) * ln 2 - m + 1) / - u) = (u + v) * ln 2 - m + 1); [lra|field; lra].
  by have := Rmult_le_compat_l _ _ _ uv le; rewrite (sp_odd z); lra.
split=> [[m hm]|[lo hi]].
  have a0 : 0 <= a.
    apply: Rnot_lt_le => neg; have [z [_ lt]] := falls a b ltac:(lra) neg m.
    by have := hm (- z) I; rewrite total Ropp_involutive; lra.
  have b0 : 0 <= b.
    apply: Rnot_lt_le => neg; have [z [_ lt]] := falls b a ltac:(lra) neg m.
    by have := hm z I; rewrite total; lra.
  by have := (sign _).1 a0; have := (sign _).1 b0; lra.
have a0 : 0 <= a by apply/sign; lra.
have b0 : 0 <= b by apply/sign; lra.
exists 0 => z _; rewrite total.
by have := Rmult_le_pos _ _ a0 (Rlt_le _ _ (sp_pos (- z))); have := Rmult_le_pos _ _ b0 (Rlt_le _ _ (sp_pos z)); lra.
Qed.

(** ** A floor under the reference's margin *)

Section Floor.
Variables (o d : R).
Hypothesis o_pos : 0 < o.
Notation floored := (fun x => o * sp (- x) + sp (x + d)).

Lemma floored_stationary x : minimises anything floored x -> o * sigma (- x) = sigma (x + d).
Proof.
move=> [_ least].
have slope : is_derive (fun x => - floored x) x (- (o * - sigma (- x) + sigma (x + d))).
  apply: is_derive_opp; apply: (is_derive_plus (K := R_AbsRing) (V := R_NormedModule)).
    apply: is_derive_scal; evar_last; first apply: (is_derive_comp sp (fun x => - x)); first exact: is_derive_sp.
      by auto_derive; last reflexivity.
    by rewrite /scal /= /mult /=; ring.
  evar_last; first apply: (is_derive_comp sp (fun x => x + d)); first exact: is_derive_sp.
    by auto_derive; last reflexivity.
  by rewrite /scal /= /mult /=; ring.
have top t : Rabs (t - x) < 1 -> - floored t <= - floored x by move=> _; have := least t I; lra.
by have := derivative_zero_at_local_maximum Rlt_0_1 top slope; lra.
Qed.
End Floor.

Theorem hypo_majority_threshold_proved : hypo_majority_threshold.
Proof.
move=> o d x ho hd /(floored_stationary (d := d)) e.
have half : sigma 0 = / 2 by rewrite /sigma Ropp_0 exp_0; lra.
have iff : 0 < x <-> 2 * sigma d < o.
  split=> [x0|lt].
    have s1 : sigma (- x) < / 2 by rewrite -half; apply: sigma_lt; lra.
    have s2 : sigma d < sigma (x + d) by apply: sigma_lt; lra.
    by have := Rmult_lt_compat_l _ _ _ ho s1; lra.
  apply: Rnot_le_lt => x0.
  have s1 : / 2 <= sigma (- x) by rewrite -half; case: x0 => [lt'|->]; [apply/Rlt_le/sigma_lt; lra|rewrite Ropp_0; lra].
  have s2 : sigma (x + d) <= sigma d by case: x0 => [lt'|->]; [apply/Rlt_le/sigma_lt; lra|rewrite Rplus_0_l; lra].
  by have := Rmult_le_compat_l _ _ _ (Rlt_le _ _ ho) s1; lra.
split=> // two; apply/iff; have := sigma_opp d; have := sigma_pos (- d); lra.
Qed.

Theorem hypo_majority_first_refuted : ~ hypo_majority_first.
Proof.
have half : sigma 0 = / 2 by rewrite /sigma Ropp_0 exp_0; lra.
have up : / 2 < sigma 1 by rewrite -half; apply: sigma_lt; lra.
move=> /(_ (2 * sigma 1) 1 0 ltac:(lra) Rlt_0_1) claim.
suff best : minimises anything (fun x => 2 * sigma 1 * sp (- x) + sp (x + 1)) 0 by have := claim best; lra.
split=> // y _; have t1 := sp_tangent 0 (- y); have t2 := sp_tangent (0 + 1) (y + 1).
rewrite half in t1; rewrite Rplus_0_l in t2; rewrite Ropp_0 Rplus_0_l.
have := Rmult_le_compat_l (2 * sigma 1) _ _ ltac:(lra) t1; lra.
Qed.

(** ** A divergence whose maximiser reaches 0 *)

Theorem fdpo_zero_boundary_proved : fdpo_zero_boundary.
Proof.
move=> ref r p beta [ref0 ref1] hb gain [[p0 p1] most]; rewrite !sum_bool in ref1 p1.
have q0 := ref0 true; have q1 := ref0 false; set q := ref true in q0 ref1 *; pose x := p true.
have ef : ref false = 1 - q by lra.
pose k := beta / (2 * (q * (1 - q))); pose top := q + (r true - r false) * (q * (1 - q)) / beta.
have qq : 0 < q * (1 - q) by apply: Rmult_lt_0_compat; lra.
have k0 : 0 < k by apply: div_pos; lra.
pose value (y : R) (b : bool) := if b then y else 1 - y.
have objective y : mean (value y) r - beta * (\Sum_b (ref b * ((value y b / ref b - 1) ^ 2 / 2))) =
    r false + (top - q) * k * (top + q) - k * (y - top) ^ 2.
  by rewrite /mean !sum_bool /value ef -/q /k /top; field; lra.
have ep : p = value x.
  by apply: FunctionalExtensionality.functional_extensionality => -[]; rewrite /value /x //; lra.
have x0 := p0 true; have x1 := p0 false; rewrite -/x in x0 p1.
have better y : 0 <= y <= 1 -> (x - top) ^ 2 <= (y - top) ^ 2.
  move=> hy; have hp : policy (value y) by split=> [[]|]; rewrite ?sum_bool /value; lra.
  have := most _ hp; rewrite ep !objective => le.
  by apply: (Rmult_le_reg_l k) => //; lra.
have at_top : top - 1 = (1 - q) * ((r true - r false) * q - beta) / beta by rewrite /top; field; lra.
have pf : p false = 1 - x by lra.
rewrite pf; split=> [lt|lt].
  apply: Rnot_le_lt => le.
  have t1 : 1 <= top.
    suff : 0 <= top - 1 by lra.
    by rewrite at_top; apply: Rmult_le_pos; [apply: Rmult_le_pos; lra|apply/Rlt_le/Rinv_0_lt_compat; lra].
  by have := better 1 ltac:(lra); nra.
have t1 : top < 1.
  suff : 0 < - (top - 1) by lra.
  rewrite at_top (_ : - ((1 - q) * _ / beta) = (1 - q) * (beta - (r true - r false) * q) / beta); last by field; lra.
  by apply: div_pos => //; apply: Rmult_lt_0_compat; lra.
have t0 : 0 <= top.
  have : 0 < (r true - r false) * (q * (1 - q)) / beta by apply: div_pos => //; apply: Rmult_lt_0_compat; lra.
  by rewrite /top; lra.
have := better top ltac:(lra); rewrite Rminus_eq_0 => le.
have : x - top = 0 by have := Rle_0_sqr (x - top); rewrite /Rsqr; nra.
lra.
Qed.

(** ** A price on an expected cost *)

Theorem safe_dual_proved : safe_dual.
Proof.
move=> T ref r c beta lam limit href hb hl priced p dual; have hp : full p := star_full priced beta href.
have priced_J q : J ref priced beta q = J ref r beta q - lam * mean q c.
  have e : mean q priced = mean q r - lam * mean q c.
    by rewrite /mean -sumZ -sumB; apply: eq_bigr => y _; rewrite /priced; ring.
  by rewrite /J e; lra.
split; first by have := J_star priced href hb; rewrite priced_J -/p /dual; lra.
split=> [q hq keeps|low high range].
  have := star_is_best priced href hb hq; rewrite priced_J /dual.
  by have := Rmult_le_compat_l _ _ _ hl keeps; lra.
pose mid := (low + high) / 2.
have mean_shift : variance p c = mean p (fun y => (c y - mid) ^ 2) - (mean p c - mid) ^ 2.
  rewrite variance_moments; last exact: full_policy.
  have -> : mean p (fun y => (c y - mid) ^ 2) = mean p (fun y => c y ^ 2) - 2 * mid * mean p c + mid ^ 2 * \Sum_y p y.
    by rewrite /mean -!sumZ -sumB -sumD; apply: eq_bigr => y _; ring.
  by rewrite hp.2; ring.
have bound : mean p (fun y => (c y - mid) ^ 2) <= (high - low) ^ 2 / 4.
  apply: Rle_trans (_ : \Sum_y ((high - low) ^ 2 / 4 * p y) <= _); last by rewrite sumZ hp.2; lra.
  apply: sum_le => y; rewrite Rmult_comm; apply: Rmult_le_compat_r; first exact/Rlt_le/hp.1.
  by have := range y; rewrite /mid; nra.
by have := Rle_0_sqr (mean p c - mid); rewrite /Rsqr; lra.
Qed.
