(** Chapter 3, the solution set of DPO: infimum, existence, and what the minimisers have in common. *)
From Coq Require Import Reals Lra Psatz.
From Coquelicot Require Import Coquelicot.
From mathcomp Require Import ssreflect ssrfun ssrbool eqtype ssrnat seq choice fintype bigop path finset fingraph.
From Formal Require Import definitions sums softplus claims existence blocks ch3_existence.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Open Scope R_scope.

(** * DPO's loss of a label vanishes at one end and grows at the other *)

Section DpoLabel.
Variable beta : R.
Hypothesis beta_pos : 0 < beta.
Definition dpo_label x := sp (- (beta * x)).

Lemma dpo_label_continuous : continuity dpo_label.
Proof.
move=> x; apply/continuity_pt_filterlim; apply: (ex_derive_continuous dpo_label).
exists (- (beta * sigma (- (beta * (x - 0))))); apply/is_derive_Reals; have := loss_slope beta 0 x.
by apply: derivable_pt_lim_ext => d; rewrite /dpo_label Rminus_0_r.
Qed.

Lemma dpo_label_vanishes eps : 0 < eps -> exists H, forall x, H <= x -> dpo_label x < eps.
Proof.
move=> /sp_small [z hz]; exists (- z / beta) => x hx; apply: hz.
have := Rmult_le_compat_l beta _ _ (Rlt_le _ _ beta_pos) hx.
by rewrite (_ : beta * (- z / beta) = - z); [lra|field; lra].
Qed.

Lemma dpo_label_grows M : exists H, forall x, x <= H -> M <= dpo_label x.
Proof.
exists (- M / beta) => x hx; apply: Rle_trans (Rlt_le _ _ (sp_gt _)).
have := Rmult_le_compat_l beta _ _ (Rlt_le _ _ beta_pos) hx.
by rewrite (_ : beta * (- M / beta) = - M); [lra|field; lra].
Qed.

Lemma dpo_label_convex x y : x <> y -> 2 * dpo_label ((x + y) / 2) < dpo_label x + dpo_label y.
Proof.
move=> ne; have : - (beta * x) <> - (beta * y) by move=> e; apply: ne; apply: (Rmult_eq_reg_l beta); lra.
by move=> /sp_midpoint; rewrite /dpo_label (_ : (- (beta * x) + - (beta * y)) / 2 = - (beta * ((x + y) / 2))); lra.
Qed.
End DpoLabel.

(** * Blocks one by one and all at once *)

Section Fitted.
Variables (T : finType) (n : T -> T -> R) (L : T -> T -> R -> R).

Lemma total_of_blocks s : \Sum_(a | roots (same_block n) a) total (of_block n a) L s = total (inside n) L s.
Proof. exact: (sum_of_blocks n (fun w l => L w l (s w - s l))). Qed.

(** Scores that fit every block fit the labels inside blocks, *)
Lemma fits_inside s : (forall a, minimises anything (total (of_block n a) L) s) ->
  minimises anything (total (inside n) L) s.
Proof.
move=> fits; split=> // t _; rewrite -!total_of_blocks; apply: (big_ind2 Rle); [lra|move=> *; lra|].
by move=> a _; exact: (proj2 (fits a)).
Qed.

(** and the other way round: change one block alone. *)
Lemma inside_fits s : minimises anything (total (inside n) L) s ->
  forall a, minimises anything (total (of_block n a) L) s.
Proof.
move=> [_ least] a; split=> // t _; pose u y := if same_block n a y then t y else s y.
pose rest w l := inside n w l - of_block n a w l.
have split_total x : total (inside n) L x = total (of_block n a) L x + total rest L x.
  by rewrite /total -sum2D; apply: eq_sum2 => w l; rewrite /rest; lra.
have on_block : total (of_block n a) L u = total (of_block n a) L t.
  apply: eq_sum2 => w l; rewrite /of_block /u.
  by case: (same_block n a w); case: (same_block n a l) => /=; rewrite ?Rmult_0_l.
have off_block : total rest L u = total rest L s.
  apply: eq_sum2 => w l; rewrite /rest /of_block /inside /u.
  case aw : (same_block n a w); case al : (same_block n a l) => //=.
  - have -> : same_block n w l by rewrite -(same_eq aw).
    by rewrite Rminus_eq_0 !Rmult_0_l.
  - have -> : same_block n w l = false by rewrite -(same_eq aw).
    by rewrite Rminus_eq_0 !Rmult_0_l.
  - have -> : same_block n w l = false by rewrite same_sym -(same_eq al).
    by rewrite Rminus_eq_0 !Rmult_0_l.
by have := least u I; rewrite !split_total on_block off_block; lra.
Qed.
End Fitted.

(** * The solution set *)

Section SolutionSet.
Variables (T : finType) (ref : T -> R) (beta : R) (n : T -> T -> R).
Hypotheses (ref_full : full ref) (beta_pos : 0 < beta) (n_ge0 : weights n).
Notation L := (fun _ _ : T => dpo_label beta).

Lemma block_loss_scores a q : full q -> minimises full (dpo_loss ref beta (of_block n a)) q ->
  minimises anything (total (of_block n a) L) (log_ratio ref q).
Proof. by move=> hq; exact: (@minimises_log_ratio T ref (of_block n a) L). Qed.

Lemma fitted_inside q : (forall a, minimises full (dpo_loss ref beta (of_block n a)) q) -> T ->
  minimises full (dpo_loss ref beta (inside n)) q.
Proof.
move=> fits y0; have hq := (fits y0).1; split=> // p hp.
have [_ least] := fits_inside (fun a => block_loss_scores hq (fits a)).
rewrite -![dpo_loss _ _ _ _]/(pair_loss ref (inside n) L _).
by rewrite !(total_log_ratio _ _ ref_full) //; exact: least.
Qed.

Lemma fitted_exists : exists q, (forall a, minimises full (dpo_loss ref beta (of_block n a)) q) /\
  infimum full (dpo_loss ref beta n) (dpo_loss ref beta (inside n) q).
Proof.
have cont w l : continuity (L w l) := dpo_label_continuous beta.
have pos w l x : 0 < L w l x := sp_pos _.
have [s hs] := inside_attained cont pos (fun _ _ => dpo_label_grows beta_pos) n_ge0.
exists (tilt ref s); split=> [a|]; first exact: (minimises_tilt ref_full (inside_fits hs a)).
apply/(infimum_iff n L ref_full); rewrite -[dpo_loss _ _ _ _]/(pair_loss ref (inside n) L _) pair_loss_tilt //.
exact: (infimum_is_inside pos (fun _ _ => dpo_label_vanishes beta_pos) n_ge0 hs).
Qed.

Lemma dpo_loss_of_blocks p :
  \Sum_(a | roots (same_block n) a) dpo_loss ref beta (of_block n a) p = dpo_loss ref beta (inside n) p.
Proof. exact: (sum_of_blocks n (fun w l => sp (- (beta * h ref p w l)))). Qed.

Lemma dpo_attained_iff :
  (exists p, minimises full (dpo_loss ref beta n) p) <-> forall w l, ~ joins_two_blocks n w l.
Proof.
apply: (attained_iff_no_label_joins_blocks_proved (L := L) ref_full n_ge0 _).2 => w l.
split; first exact: dpo_label_continuous.
split=> [x|]; first exact: sp_pos.
by split; [exact: dpo_label_vanishes|exact: dpo_label_grows].
Qed.

(** Two minimisers of the labels inside blocks have the same margins inside blocks. *)
Lemma inside_margins p q : minimises full (dpo_loss ref beta (inside n)) p ->
  minimises full (dpo_loss ref beta (inside n)) q -> forall a b, same_block n a b -> delta p a b = delta q a b.
Proof.
move=> hp hq a b ab; have convex (w l : T) x y := @dpo_label_convex beta beta_pos x y.
have on_label w l : 0 < inside n w l -> h ref p w l = h ref q w l.
  by move=> pos; exact (h_unique ref_full (inside_ge0 n_ge0) (L := L) convex hp hq pos).
suff: ln (p a) - ln (q a) = ln (p b) - ln (q b) by rewrite /delta; lra.
apply: (constant_on_blocks (n := n) (f := fun y => ln (p y) - ln (q y)) _ ab) => w l /labelP pos same.
have : h ref p w l = h ref q w l by apply: on_label; rewrite /inside same.
by rewrite /h /delta; lra.
Qed.

(** The loss inside blocks depends on the margins inside blocks alone. *)
Lemma inside_loss_eq p q : (forall a b, same_block n a b -> delta p a b = delta q a b) ->
  dpo_loss ref beta (inside n) p = dpo_loss ref beta (inside n) q.
Proof.
move=> e; apply: eq_sum2 => w l; rewrite /inside; case: ifP => [/e d|_]; last by lra.
by rewrite /h d.
Qed.
End SolutionSet.

Theorem dpo_solution_set_proved : dpo_solution_set.
Proof.
move=> T ref beta n ref_full hb n_ge0; have [y0 _] := policy_inhabited (full_policy ref_full).
split.
  have [q [fits inf_q]] := fitted_exists ref_full hb n_ge0; exists q; split=> //.
  by rewrite dpo_loss_of_blocks.
split=> [|q fits none p hp]; first exact: dpo_attained_iff.
have all_inside x : dpo_loss ref beta (inside n) x = dpo_loss ref beta n x.
  by apply: eq_sum2 => w l; rewrite (inside_all n_ge0) //; exact/no_joins_iff.
have best := fitted_inside ref_full fits y0; split=> [hmin|margins].
  apply: (inside_margins ref_full hb n_ge0) best; split=> // x hx.
  by rewrite !all_inside; exact: hmin.2.
split=> // x hx; rewrite -!all_inside (inside_loss_eq ref beta margins); exact: best.2.
Qed.
