(** Chapter 8, the literature: scores of several responses, from rates, from noisy labels, with a shared feature. *)
From Coq Require Import Reals Lra Psatz.
From Coquelicot Require Import Coquelicot.
From mathcomp Require Import ssreflect ssrfun ssrbool eqtype ssrnat seq choice fintype bigop.
From Formal Require Import definitions sums softplus calculus definitions_cpo claims_literature ch5_flow ch5_descent.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Open Scope R_scope.

(** A function that rises strictly and is odd orders sums of two as their arguments. *)
Lemma odd_and_rising (f : R -> R) a b : (forall x y, x < y -> f x < f y) -> (forall x, f (- x) = - f x) ->
  (f a + f b > 0 <-> a + b > 0).
Proof.
move=> rise odd; split=> gt.
  apply/Rlt_gt/Rnot_le_lt => le; have : f b <= f (- a).
    by case: (Rle_lt_or_eq_dec b (- a) ltac:(lra)) => [/rise|->]; lra.
  by rewrite odd; lra.
by have := @rise (- a) b ltac:(lra); rewrite odd; lra.
Qed.

Theorem ipo_dpo_order_three_proved : ipo_dpo_order_three.
Proof.
move=> a b; rewrite -(@odd_and_rising (fun x => sigma x - 1 / 2)); first by split; lra.
  by move=> x y /sigma_lt; lra.
by move=> x; have := sigma_opp x; lra.
Qed.

Theorem noise_three_on_a_path_proved : noise_three_on_a_path.
Proof.
move=> eps a b he fitted; have pos x : 0 < exp x by exact: exp_pos.
have up x : 0 < (1 - eps) * exp x + eps by have := pos x; nra.
have down x : 0 < eps * exp x + (1 - eps) by have := pos x; nra.
apply: odd_and_rising => [x y xy|x]; rewrite /fitted.
  rewrite -!ln_div //; apply: ln_increasing; first exact: div_pos.
  have e := exp_increasing _ _ xy.
  apply: (Rmult_lt_reg_r ((eps * exp x + (1 - eps)) * (eps * exp y + (1 - eps)))); first exact: Rmult_lt_0_compat.
  have dx := down x; have dy := down y.
  have -> : ((1 - eps) * exp x + eps) / (eps * exp x + (1 - eps)) *
    ((eps * exp x + (1 - eps)) * (eps * exp y + (1 - eps)))
    = ((1 - eps) * exp x + eps) * (eps * exp y + (1 - eps)) by field; lra.
  have -> : ((1 - eps) * exp y + eps) / (eps * exp y + (1 - eps)) *
    ((eps * exp x + (1 - eps)) * (eps * exp y + (1 - eps)))
    = ((1 - eps) * exp y + eps) * (eps * exp x + (1 - eps)) by field; lra.
  have : 0 < (1 - 2 * eps) * (exp y - exp x) by apply: Rmult_lt_0_compat; lra.
  by nra.
have -> : (1 - eps) * exp (- x) + eps = (eps * exp x + (1 - eps)) * exp (- x).
  by rewrite exp_Ropp; field; have := pos x; lra.
have -> : eps * exp (- x) + (1 - eps) = ((1 - eps) * exp x + eps) * exp (- x).
  by rewrite exp_Ropp; field; have := pos x; lra.
by rewrite !ln_mult //; lra.
Qed.

(** ** Borda *)

Section Borda.
Variables (T : finType) (P : T -> T -> R) (s : T -> R).
Hypotheses (P_ge0 : forall i j, 0 <= P i j) (both : forall i j, i != j -> P i j + P j i = 1).
Hypothesis best : minimises anything (bradley_terry P) s.
Definition flat (_ : T) := 1.

Lemma likelihood_is_loss x : bradley_terry P x = logits_loss flat 1 P x.
Proof.
rewrite logits_loss_pairs; apply: eq_sum2 => w l; rewrite /implicit /delta /flat -sp_sigma.
by congr (_ * sp _); ring.
Qed.

Lemma balanced y : force flat 1 P s y = 0.
Proof.
suff : - force flat 1 P s y = 0 by lra.
have slope := force_is_slope flat 1 P s y.
have := derivative_zero_at_local_maximum (f := fun b => - logits_loss flat 1 P (with_coordinate s y b)) Rlt_0_1.
move=> /(_ (s y) (- - force flat 1 P s y)) top.
suff : - - force flat 1 P s y = 0 by lra.
apply: top; last exact: is_derive_opp.
move=> t _; have := best.2 (with_coordinate s y t) I; rewrite !likelihood_is_loss.
suff -> : with_coordinate s y (s y) = s by lra.
by apply: FunctionalExtensionality.functional_extensionality => a; rewrite /with_coordinate; case: eqP => [->|].
Qed.

Lemma borda_is_rate y : \Sum_(j | j != y) P y j = \Sum_j sigma (s y - s j) - 1 / 2.
Proof.
have half : sigma 0 = 1 / 2 by rewrite /sigma Ropp_0 exp_0; lra.
have : force flat 1 P s y = \Sum_j (P y j * sigma (s j - s y)) - \Sum_j (P j y * sigma (s y - s j)).
  have imp w l : - implicit flat 1 s w l = s l - s w by rewrite /implicit /delta /flat; ring.
  rewrite /force (eq_sum2 (g := fun w l => (if w == y then P w l * sigma (s l - s w) else 0) -
    (if l == y then P w l * sigma (s l - s w) else 0))); last first.
    by move=> w l; rewrite imp /side (eq_sym y w) (eq_sym y l); case: (w == y); case: (l == y); ring.
  rewrite sum2B; congr (_ - _).
    by rewrite sum2_swap; apply: eq_bigr => l _; rewrite (sum_at (fun w => P w l * sigma (s l - s w))).
  by apply: eq_bigr => w _; rewrite (sum_at (fun l => P w l * sigma (s l - s w))).
rewrite balanced -sumB => e; rewrite [X in _ = X - _](bigD1 y) //= Rminus_eq_0 half.
have diff : \Sum_(j | j != y) (P y j - sigma (s y - s j)) = 0.
  rewrite [RHS]e [RHS](bigD1 y) //= !Rminus_eq_0 Rplus_0_l; apply: eq_bigr => j ne.
  have -> : P j y = 1 - P y j by have := both ne; lra.
  have -> : sigma (s j - s y) = 1 - sigma (s y - s j).
    by have := sigma_opp (s y - s j); rewrite (_ : - (s y - s j) = s j - s y); [lra|ring].
  by ring.
have -> : \Sum_(j | j != y) P y j = \Sum_(j | j != y) (P y j - sigma (s y - s j)) + \Sum_(j | j != y) sigma (s y - s j).
  by rewrite -big_split /=; apply: eq_bigr => j _; ring.
by rewrite diff; lra.
Qed.
End Borda.

Theorem bt_order_is_borda_proved : bt_order_is_borda.
Proof.
move=> T P s P0 both best borda i j; rewrite /borda !(borda_is_rate both best).
have rise a b : s a < s b -> \Sum_k sigma (s a - s k) < \Sum_k sigma (s b - s k).
  move=> lt; apply: (sum_lt (j := a)) => [k|]; last by apply: sigma_lt; lra.
  by apply/Rlt_le/sigma_lt; lra.
split=> gt; first by have := rise j i; lra.
apply/Rlt_gt/Rnot_le_lt => le; case: (Rle_lt_or_eq_dec (s i) (s j) ltac:(lra)) => [/rise|e]; first lra.
by move: gt; rewrite e; lra.
Qed.

(** ** Refuted *)

Theorem dpo_sampling_dependence_refuted : ~ dpo_sampling_dependence.
Proof.
move=> /(_ (/ 4) (- / 4) (/ 8) 1 4 1) claim.
by have [||||||] := claim; try lra; try by apply: Rabs_def1; lra.
Qed.

Theorem cycle_needed_refuted : ~ cycle_needed.
Proof.
move=> /(_ 3 (- (1)) 1) claim.
have : - 3 * sigma (- (1 * 3)) - - (1) * sigma (- (1 * - (1))) < 0 by apply: claim; lra.
have half : sigma 0 = / 2 by rewrite /sigma Ropp_0 exp_0; lra.
have high : / 2 < sigma (- (1 * - (1))) by rewrite -half; apply: sigma_lt; lra.
have low : sigma (- (1 * 3)) <= / 9.
  rewrite /sigma Ropp_involutive; apply: Rinv_le_contravar; first lra.
  have e : exp (1 * 3) = exp 1 * (exp 1 * exp 1) by rewrite -!exp_plus; congr exp; ring.
  by have two : 2 <= exp 1 by [have := exp_ge1x 1; lra]; rewrite e; nra.
lra.
Qed.
