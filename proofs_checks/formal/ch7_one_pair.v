(** Chapter 7. One pair under a hard constraint in closed form; pooling at the geometric mean, not the arithmetic. *)
From Coq Require Import Reals Lra Psatz FunctionalExtensionality.
From mathcomp Require Import ssreflect ssrfun ssrbool eqtype ssrnat seq choice fintype bigop.
From Formal Require Import definitions sums definitions_cpo claims_cpo ch7_hard.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Open Scope R_scope.

Section OnePair.
Variables (T : finType) (star : T -> R) (w l : T) (margin : R).
Hypotheses (star_full : full star) (wl : w != l).
Notation pair := (fun a b : T => (a == w) && (b == l)).
Notation lambda := (Rmax 0 (margin - delta star w l) / (1 + exp margin)).
Notation shift := (fun y => if y == w then lambda else if y == l then - lambda * exp margin else 0).
Notation best := (normalised (fun y => star y * exp (shift y))).
Notation lam := (fun a b => if pair a b then lambda else 0).

Lemma lambda_nonnegative : 0 <= lambda.
Proof.
apply: Rmult_le_pos; first exact: Rmax_l.
by apply/Rlt_le/Rinv_0_lt_compat; have := exp_pos margin; lra.
Qed.

Lemma lam_multipliers : multipliers pair lam.
Proof. by move=> a b; case: ifP => _ /=; split=> //; have := lambda_nonnegative; lra. Qed.

Lemma pull_is_shift y : pull (fun _ _ => margin) lam y = shift y.
Proof.
rewrite /pull.
have -> : \Sum_b (if (y == w) && (b == l) then lambda else 0) = if y == w then lambda else 0.
  by case: (y == w); [exact: (sum_at (fun _ => lambda) l)|exact: (sum0 T)].
have -> : \Sum_a (exp margin * (if (a == w) && (y == l) then lambda else 0)) = if y == l then exp margin *
  lambda else 0.
  rewrite -(sum_at (fun _ => if y == l then exp margin * lambda else 0) w); apply: eq_bigr => a _.
  by case: (a == w); case: (y == l) => /=; lra.
by case: (eqVneq y w) => [->|_]; rewrite ?(negbTE wl); [lra|case: (y == l); lra].
Qed.

Lemma best_is_tilted : best = tilted (fun _ _ => margin) star lam.
Proof.
rewrite /tilted; congr normalised; apply: functional_extensionality => y.
by rewrite pull_is_shift.
Qed.

Lemma shifted_positive y : 0 < star y * exp (shift y).
Proof. by apply: Rmult_lt_0_compat; [exact: star_full.1|exact: exp_pos]. Qed.

Lemma best_is_full : full best.
Proof. exact: (normalised_full w shifted_positive). Qed.

Lemma best_margin : delta best w l = Rmax margin (delta star w l).
Proof.
rewrite (delta_normalised _ _ shifted_positive) !(ln_mult _ _ (star_full.1 _) (exp_pos _)) !ln_exp.
rewrite eqxx (eq_sym l w) (negbTE wl) eqxx.
have : lambda * (1 + exp margin) = Rmax 0 (margin - delta star w l) by field; have := exp_pos margin; lra.
have -> : Rmax margin (delta star w l) = delta star w l + Rmax 0 (margin - delta star w l).
  by rewrite /Rmax; case: Rle_dec; case: Rle_dec; lra.
by rewrite /delta; lra.
Qed.

(** the constraint, as masses *)
Lemma margin_as_masses p : full p -> (margin <= delta p w l <-> exp margin * p l <= p w).
Proof.
move=> hp; have hl := hp.1 l; have hw := hp.1 w.
have e : ln (exp margin * p l) = margin + ln (p l) by rewrite (ln_mult _ _ (exp_pos _) hl) ln_exp.
have hm : 0 < exp margin * p l by apply: Rmult_lt_0_compat => //; exact: exp_pos.
split=> [h|/(ln_mono hm)]; last by rewrite e /delta; lra.
by apply: Rnot_lt_le => /(ln_increasing _ _ hw); rewrite e; rewrite /delta in h; lra.
Qed.

Theorem one_pair : only_minimiser (feasible pair (fun _ _ => margin)) (fun q => KL q star) best.
Proof.
have hf := best_is_full.
rewrite best_is_tilted; apply: (hard_kkt_proved star_full lam_multipliers _ _).1; rewrite -best_is_tilted.
  split=> [|a b /andP [/eqP -> /eqP ->]]; first exact: full_policy.
  by apply/margin_as_masses => //; rewrite best_margin; exact: Rmax_l.
move=> a b; case: ifP => [/andP [/eqP -> /eqP ->]|_]; last lra.
have [c|c] := Rle_lt_dec (margin - delta star w l) 0; first by rewrite Rmax_left; [field; have := exp_pos
  margin; lra|lra].
have : delta best w l = margin by rewrite best_margin Rmax_left; lra.
rewrite /delta; move: (hf.1 l) (hf.1 w); set p := best w; set q := best l => hq hp e.
have -> : p = exp margin * q by rewrite -[LHS](exp_ln _ hp) -[X in _ * X](exp_ln _ hq) -exp_plus -e; congr exp; lra.
ring.
Qed.
End OnePair.

Theorem hard_one_pair_proved : hard_one_pair.
Proof. by move=> T star w l margin hs wl lambda; exact: one_pair. Qed.

(** ** m = 0: geometric means *)

Theorem isotonic_geometric_proved : isotonic_geometric.
Proof.
move=> T star w l hs wl le; have hw := hs.1 w; have hl := hs.1 l.
have := one_pair 0 hs wl.
suff -> : (fun y => star y * exp (if y == w then Rmax 0 (0 - delta star w l) / (1 + exp 0)
    else if y == l then - (Rmax 0 (0 - delta star w l) / (1 + exp 0)) * exp 0 else 0))
  = (fun y => if (y == w) || (y == l) then sqrt (star w * star l) else star y) by [].
have d0 : delta star w l <= 0 by have := ln_mono hw le; rewrite /delta; lra.
rewrite Rmax_right; last lra.
have root : sqrt (star w * star l) = exp ((ln (star w) + ln (star l)) / 2).
  rewrite -(exp_ln _ hw) -(exp_ln _ hl) -exp_plus !ln_exp.
  have -> : exp (ln (star w) + ln (star l)) = exp ((ln (star w) + ln (star l)) / 2) * exp ((ln (star w) + ln
    (star l)) / 2).
    by rewrite -exp_plus; congr exp; field.
  exact/sqrt_square/Rlt_le/exp_pos.
apply: functional_extensionality => y; rewrite exp_0 root /delta.
case: (eqVneq y w) => [->|_] /=; first by rewrite -{1}(exp_ln _ hw) -exp_plus; congr exp; field.
case: (eqVneq y l) => [->|_] /=; first by rewrite -{1}(exp_ln _ hl) -exp_plus; congr exp; field.
by rewrite exp_0; lra.
Qed.

(** ** Three responses *)

Notation first := (@Ordinal 3 0 isT). Notation second := (@Ordinal 3 1 isT). Notation third := (@Ordinal 3 2 isT).

Lemma sum_three (f : 'I_3 -> R) : \Sum_y f y = f first + f second + f third.
Proof.
rewrite big_ord_recl big_ord_recl big_ord_recl big_ord0 Rplus_0_r -Rplus_assoc.
by congr (_ + _ + _); congr f; apply: val_inj.
Qed.

(** star = (1/10, 4/10, 5/10), first over second: (2/9, 2/9, 5/9), where arithmetic means would give (1/4, 1/4, 1/2) *)
Theorem isotonic_arithmetic_refuted : ~ isotonic_arithmetic.
Proof.
pose star (y : 'I_3) := nth 0 [:: 1/10; 4/10; 5/10] y.
have hs : full star.
  split=> [y|]; last by rewrite sum_three /star /=; lra.
  by case: y => [[|[|[|]]]] //= i; rewrite /star /=; lra.
have le : star first <= star second by rewrite /star /=; lra.
move=> /(_ _ star first second hs isT le) [_ only].
have [geo _] := isotonic_geometric_proved (w := first) (l := second) hs isT le.
have := only _ geo => /(congr1 (fun p : 'I_3 -> R => p third)); rewrite /normalised !sum_three /=.
have -> : sqrt (star first * star second) = 2/10.
  by rewrite (_ : star first * star second = 2/10 * (2/10)); [apply: sqrt_square|rewrite /star /=]; lra.
rewrite /star /=; lra.
Qed.
