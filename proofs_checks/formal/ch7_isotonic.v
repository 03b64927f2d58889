(** Chapter 7. Margins that are differences of potentials: the projection is a weighted isotonic regression of
    log star; with m = 0 it pools geometric means, and the price of alignment is the mass that pooling loses. *)
From Coq Require Import Reals Lra Psatz FunctionalExtensionality.
From mathcomp Require Import ssreflect ssrfun ssrbool eqtype ssrnat seq choice fintype bigop.
From Formal Require Import definitions sums softplus ch1_rlhf pinsker definitions_cpo claims_cpo ch7_hard.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Open Scope R_scope.

Section Regression.
Variables (T : finType) (E : rel T) (v z x : T -> R).
Hypotheses (v_pos : forall y, 0 < v y) (x_best : isotonic_regression E v z x).
Notation ordered := (fun x : T -> R => forall w l, E w l -> x l <= x w).

(** the residual, weighted, against a direction *)
Definition residual d := \Sum_y (v y * (x y - z y) * d y).

(** Where the step is still in order, the squares do not fall. *)
Lemma residual_nonnegative d e : 0 < e -> (forall s, 0 < s < e -> ordered (fun y => x y + s * d y)) -> 0 <= residual d.
Proof.
move=> he stays; have [//|neg] := Rle_lt_dec 0 (residual d); exfalso.
pose q := \Sum_y (v y * d y ^ 2).
have hq : 0 <= q by apply: sum_ge0 => y _; have := v_pos y; have := pow2_ge_0 (d y); nra.
have expand s : \Sum_y (v y * (x y + s * d y - z y) ^ 2) = \Sum_y (v y * (x y - z y) ^ 2) + 2 * s * residual d
  + s ^ 2 * q.
  by rewrite /residual /q -!sumZ -!sumD; apply: eq_bigr => y _; ring.
pose s := Rmin (e / 2) (- residual d / (q + 1)).
have hr : 0 < - residual d / (q + 1) by apply: div_pos; lra.
have hs : 0 < s < e by have := Rmin_l (e / 2) (- residual d / (q + 1)); split; [apply: Rmin_glb_lt; lra|rewrite
  /s; lra].
have := x_best.2 _ (stays s hs); rewrite expand.
have : s * (q + 1) <= - residual d.
  have := Rmult_le_compat_r (q + 1) _ _ ltac:(lra) (Rmin_r (e / 2) (- residual d / (q + 1))).
  by rewrite -/s; have -> : - residual d / (q + 1) * (q + 1) = - residual d by field; lra.
nra.
Qed.

(** An ordered direction can always be added. *)
Lemma residual_of_ordered d : ordered d -> 0 <= residual d.
Proof.
move=> hd; apply: (residual_nonnegative (e := 1)) => [|s hs w l ewl]; first lra.
by have := x_best.1 w l ewl; have := hd w l ewl; nra.
Qed.

(** e^x can also be taken away, for a while: the residual is orthogonal to it. *)
Lemma residual_of_exp : residual (fun y => exp (x y)) = 0.
Proof.
have up : 0 <= residual (fun y => exp (x y)).
  apply: residual_of_ordered => w l /x_best.1; case=> [/exp_increasing|->]; lra.
suff: 0 <= residual (fun y => - exp (x y)).
  have -> : residual (fun y => - exp (x y)) = -1 * residual (fun y => exp (x y)).
    by rewrite /residual -sumZ; apply: eq_bigr => y _; ring.
  lra.
pose M := \Sum_y exp (x y).
have hM y : exp (x y) <= M by apply: (term_le_sum (f := fun y => exp (x y))) => i; exact/Rlt_le/exp_pos.
have [y0 _|none] := pickP (mem T); last first.
  rewrite /residual big_pred0; first lra.
  by move=> y; have := none y; rewrite inE.
have M_pos : 0 < M by have := hM y0; have := exp_pos (x y0); lra.
apply: (residual_nonnegative (e := / M)); first exact: Rinv_0_lt_compat.
move=> s [hs0 hs1] w l ewl; have xlw := x_best.1 w l ewl.
(* e^b - e^a <= e^b (b - a) *)
have chord : exp (x w) - exp (x l) <= exp (x w) * (x w - x l).
  have := exp_ge1x (x l - x w); rewrite /Rminus exp_plus exp_Ropp => h1.
  have hw := exp_pos (x w).
  have := Rmult_le_compat_l _ _ _ (Rlt_le _ _ hw) h1.
  by rewrite (_ : exp (x w) * (exp (x l) * / exp (x w)) = exp (x l)); [lra|field; lra].
have sM : s * exp (x w) <= 1.
  have := Rmult_le_compat_l s _ _ (Rlt_le _ _ hs0) (hM w).
  by have := Rmult_lt_compat_r M _ _ M_pos hs1; rewrite Rinv_l; lra.
have : s * (exp (x w) - exp (x l)) <= s * exp (x w) * (x w - x l).
  by rewrite Rmult_assoc; apply: Rmult_le_compat_l; lra.
have : s * exp (x w) * (x w - x l) <= 1 * (x w - x l) by apply: Rmult_le_compat_r; lra.
lra.
Qed.
End Regression.

Section Projection.
Variables (T : finType) (E : rel T) (star u x : T -> R).
Hypotheses (star_full : full star).
Hypothesis x_best : isotonic_regression E (fun y => exp (u y)) (fun y => ln (star y) - u y) x.
Notation best := (normalised (fun y => exp (x y + u y))).
Notation S := (\Sum_y exp (x y + u y)).
Notation m := (fun w l => u w - u l).

Let y0 : exists y : T, True. Proof. exact: policy_inhabited (full_policy star_full). Qed.

Lemma best_full : full best.
Proof. by have [y _] := y0; apply: (normalised_full y) => z; exact: exp_pos. Qed.

Lemma ln_best y : ln (best y) = x y + u y - ln S.
Proof. by rewrite ln_normalised ?ln_exp // => z; exact: exp_pos. Qed.

Lemma best_feasible : feasible E m best.
Proof.
split=> [|w l ewl]; first exact/full_policy/best_full.
rewrite -(exp_ln _ (best_full.1 w)) -[best l](exp_ln _ (best_full.1 l)) -exp_plus !ln_best.
by case: (x_best.1 w l ewl) => [lt|->]; [apply/Rlt_le/exp_increasing|apply: Req_le; congr exp]; lra.
Qed.

(** p against log(best / star), less the constant, is the residual against p e^-u *)
Lemma against_best (p : T -> R) : policy p -> \Sum_y (p y * (ln (best y) - ln (star y)))
  = residual (fun y => exp (u y)) (fun y => ln (star y) - u y) x (fun y => p y * exp (- u y)) - ln S.
Proof.
move=> hp; rewrite -[ln S]Rmult_1_r -hp.2 -sumZ /residual -sumB; apply: eq_bigr => y _.
by rewrite ln_best exp_Ropp; have := exp_pos (u y) => hu; field; lra.
Qed.

Lemma KL_best : KL best star = - ln S.
Proof.
have e : KL best star = \Sum_y (best y * (ln (best y) - ln (star y))).
  by apply: eq_bigr => y _; rewrite ln_div //; [exact: best_full.1|exact: star_full.1].
rewrite e against_best; last exact/full_policy/best_full.
suff -> : residual (fun y => exp (u y)) (fun y => ln (star y) - u y) x (fun y => best y * exp (- u y)) = 0 by lra.
transitivity (/ S * residual (fun y => exp (u y)) (fun y => ln (star y) - u y) x (fun y => exp (x y))).
  rewrite /residual -sumZ; apply: eq_bigr => y _; rewrite /normalised exp_plus exp_Ropp.
  have hu := exp_pos (u y); have hS : 0 < S by have [y1 _] := y0; apply: (mass_pos y1) => z; exact: exp_pos.
  by field; lra.
by rewrite (residual_of_exp (fun y => exp_pos (u y)) x_best); ring.
Qed.

Theorem isotonic_is_projection : only_minimiser (feasible E m) (fun q => KL q star) best.
Proof.
have gap p : feasible E m p -> KL p best + KL best star <= KL p star.
  move=> hp; rewrite KL_best.
  have e : KL p star = KL p best + \Sum_y (p y * (ln (best y) - ln (star y))).
    rewrite /KL -sumD; apply: eq_bigr => y _; case: (hp.1.1 y) => [hy|<-]; last lra.
    by rewrite (ln_div hy (star_full.1 y)) (ln_div hy (best_full.1 y)); lra.
  rewrite e against_best; last exact: hp.1.
  have := residual_of_ordered (fun y => exp_pos (u y)) x_best (d := fun y => p y * exp (- u y)) _.
  suff ord : forall w l, E w l -> p l * exp (- u l) <= p w * exp (- u w) by move=> /(_ ord); lra.
  move=> w l /(hp.2 w l); rewrite /Rminus exp_plus => h1.
  have := Rmult_le_compat_r _ _ _ (Rlt_le _ _ (exp_pos (- u w))) h1.
  rewrite !(Rmult_comm _ (exp (- u w))) -!Rmult_assoc -exp_plus.
  by rewrite (_ : - u w + u w = 0) ?exp_0; lra.
split; first by split=> [|p hp]; [exact: best_feasible|have := gap p hp; have := KL_ge0 hp.1 best_full; lra].
move=> p [hp least]; apply: KL_eq0; [exact: hp.1|exact: best_full|].
by have := gap p hp; have := least _ best_feasible; lra.
Qed.
End Projection.

(** ** The claims *)

Theorem isotonic_weighted_proved : isotonic_weighted.
Proof. by move=> T E star u x hs hx; exact: isotonic_is_projection. Qed.

(** u = 0 *)
Lemma no_potential (T : finType) (E : rel T) (star x : T -> R) :
  isotonic_regression E (fun _ => 1) (fun y => ln (star y)) x ->
  isotonic_regression E (fun _ => exp 0) (fun y => ln (star y) - 0) x.
Proof.
rewrite exp_0 (_ : (fun y => ln (star y) - 0) = fun y => ln (star y)) //.
by apply: functional_extensionality => y; lra.
Qed.

Lemma exp_no_potential (T : finType) (x : T -> R) : (fun y => exp (x y + 0)) = fun y => exp (x y).
Proof. by apply: functional_extensionality => y; congr exp; lra. Qed.

Theorem isotonic_projection_proved : isotonic_projection.
Proof.
move=> T E star x hs /no_potential hx.
have := isotonic_is_projection (u := fun _ => 0) hs hx; rewrite exp_no_potential.
by rewrite (_ : (fun _ _ : T => 0 - 0) = fun _ _ => 0) //; do 2 (apply: functional_extensionality => ?); lra.
Qed.

Theorem price_proved : price.
Proof.
move=> T E ref r x beta href hb star hx p.
have hs : full star := star_full r beta href.
have hp : full p by have := best_full (fun _ => 0) x hs; rewrite exp_no_potential.
split; first by rewrite (J_is_V_less_KL r href hb (full_policy hp)) -/star; lra.
have := KL_best (u := fun _ => 0) hs (no_potential hx); rewrite exp_no_potential -/p => ->.
have -> : \Sum_y exp (x y + 0) = \Sum_y exp (x y) by apply: eq_bigr => y _; congr exp; lra.
ring.
Qed.
