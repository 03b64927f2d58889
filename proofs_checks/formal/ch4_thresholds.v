(** Chapter 4. Loss levels that guarantee a ranking: one pair in closed form, a pair among any labels; the logged
    accuracy and the chosen probability guarantee nothing. *)
From Coq Require Import Reals Lra Psatz.
From Coquelicot Require Import Coquelicot.
From mathcomp Require Import ssreflect ssrfun ssrbool eqtype ssrnat seq choice fintype bigop.
From Formal Require Import definitions sums softplus claims ch1_rlhf ch3_solution_set.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Open Scope R_scope.

(** * One pair *)

Theorem threshold_one_pair_proved : threshold_one_pair.
Proof.
move=> T ref beta w l ref_full hb wl; split=> [p hp|level lt].
  rewrite dpo_one_label sp_lt_iff /h; split=> le; first by have := Rmult_lt_0_compat _ _ hb le; lra.
  by apply: (Rmult_lt_reg_l beta) => //; lra.
have [z hz] : exists z, sp z = level by apply: sp_onto; have := sp_pos (beta * delta ref w l); lra.
have [p [hp e]] := policy_with_margin ref_full (delta ref w l - z / beta) wl.
have hzd : beta * (delta ref w l - z / beta) = beta * delta ref w l - z by field; lra.
exists p; split=> //; rewrite dpo_one_label e; split.
  by rewrite -hz; congr sp; rewrite /h e; lra.
by rewrite -hz in lt; move/sp_lt_iff: lt => lt; apply: (Rmult_lt_reg_l beta) => //; lra.
Qed.

Theorem threshold_margin_proved : threshold_margin.
Proof.
move=> T ref beta w l p t ref_full hb hp t0 e excess; rewrite dpo_one_label /h e; set a := beta * delta ref w l.
have bt : 1 < exp (beta * t) by rewrite -exp_0; apply: exp_increasing; exact: Rmult_lt_0_compat.
have gain : 0 < sigma a * (exp (beta * t) - 1) by apply: Rmult_lt_0_compat; [exact: sigma_pos|lra].
split; last by rewrite /excess -/a -ln_1; apply: ln_increasing; lra.
rewrite /excess -/a /sp (_ : - (beta * (- t - delta ref w l)) = a + beta * t); last by rewrite /a; lra.
have ea := exp_pos a; have ebt := exp_pos (a + beta * t).
rewrite -ln_div; [|lra|lra]; congr ln; rewrite /sigma exp_Ropp exp_plus; field; split; lra.
Qed.

(** * A pair among any labels *)

Lemma continuity_sum (T : finType) (f : T -> R -> R) :
  (forall i, continuity (f i)) -> continuity (fun t => \Sum_i f i t).
Proof.
move=> hf x; apply/continuity_pt_filterlim; rewrite -[index_enum _]/(index_enum T).
elim: (index_enum T) => [|i s ih].
  apply: (continuous_ext (fun=> 0)) => [t|]; [by rewrite big_nil|exact: continuous_const].
apply: (continuous_ext (fun t => f i t + \big[Rplus/0]_(j <- s) f j t)) => [t|]; first by rewrite big_cons.
by apply: (continuous_plus (f i)) => //; apply/continuity_pt_filterlim; exact: hf.
Qed.

Section General.
Variables (T : finType) (ref : T -> R) (beta : R) (n : T -> T -> R) (w l : T).
Hypotheses (beta_pos : 0 < beta) (n_ge0 : weights n) (labelled : 0 < n w l) (wl : w != l).
Notation loss := (dpo_loss ref beta n).

(** Move the loser up. *)
Definition worsened (q : T -> R) t := tilt q (fun y => if y == l then t else 0).

Lemma worsened_full q t : full q -> full (worsened q t).
Proof. by move=> hq; exact: tilt_full. Qed.

Lemma worsened_delta q t : full q -> delta (worsened q t) w l = delta q w l - t.
Proof. by move=> hq; rewrite (delta_tilt hq) eqxx (negbTE wl); lra. Qed.

Lemma worsened_h q t a b : full q ->
  h ref (worsened q t) a b = h ref q a b + ((if a == l then t else 0) - (if b == l then t else 0)).
Proof. by move=> hq; rewrite /h (delta_tilt hq); lra. Qed.

Lemma worsened_start q : full q -> loss (worsened q 0) = loss q.
Proof.
by move=> hq; apply: eq_sum2 => a b; rewrite worsened_h //; congr (_ * sp _); case: (a == l); case: (b == l); lra.
Qed.

Lemma worsened_continuous q : full q -> continuity (fun t => loss (worsened q t)).
Proof.
move=> hq; apply: continuity_sum => a; apply: continuity_sum => b.
pose c := (if a == l then 1 else 0) - (if b == l then 1 else 0).
have e t : n a b * sp (- (beta * h ref (worsened q t) a b)) = n a b * dpo_label beta (h ref q a b + c * t).
  by rewrite worsened_h // /dpo_label /c; congr (_ * sp _); case: (a == l); case: (b == l); lra.
move=> x; apply: (continuity_pt_ext (fun t => n a b * dpo_label beta (h ref q a b + c * t))) => [t|].
  by rewrite e.
apply: continuity_pt_scal; apply: (continuity_pt_comp (fun t => h ref q a b + c * t)); last exact: dpo_label_continuous.
by apply: derivable_continuous_pt; reg.
Qed.

Lemma worsened_unbounded q M : full q -> exists t, 0 < t /\ M < loss (worsened q t).
Proof.
move=> hq; pose t := Rmax 0 (M / n w l / beta + h ref q w l) + 1; exists t.
have t0 := Rmax_l 0 (M / n w l / beta + h ref q w l); have tM := Rmax_r 0 (M / n w l / beta + h ref q w l).
split; first by rewrite /t; lra.
have term0 a b : 0 <= n a b * sp (- (beta * h ref (worsened q t) a b)).
  by apply: Rmult_le_pos; [exact: n_ge0|exact/Rlt_le/sp_pos].
apply: Rlt_le_trans (term_le_sum2 w l term0); rewrite worsened_h // eqxx (negbTE wl).
have lt : M / n w l / beta < t - h ref q w l by rewrite /t; lra.
have h1 := Rmult_lt_compat_l _ _ _ beta_pos lt.
rewrite (_ : beta * (M / n w l / beta) = M / n w l) in h1; last by field; lra.
have h2 := Rmult_lt_compat_l _ _ _ labelled h1; rewrite (_ : n w l * (M / n w l) = M) in h2; last by field; lra.
apply: Rlt_trans h2 _; apply: Rmult_lt_compat_l => //; apply: Rle_lt_trans (sp_gt _); lra.
Qed.

Lemma every_level_above q level : full q -> delta q w l <= 0 -> loss q < level ->
  exists p, full p /\ loss p = level /\ delta p w l < 0.
Proof.
move=> hq dq lt; have [t [t0 big]] := worsened_unbounded level hq.
have start := worsened_start hq.
have [|s [hs e]] := IVT_gen (fun t => loss (worsened q t)) 0 t level (worsened_continuous hq).
  by rewrite start Rmin_left ?Rmax_right; lra.
rewrite Rmin_left in hs; last lra.
have s0 : 0 < s by case: (Rle_lt_or_eq_dec 0 s); [lra|by []|move=> z; move: e; rewrite -z start; lra].
by exists (worsened q s); split; [exact: worsened_full|split=> //; rewrite worsened_delta //; lra].
Qed.
End General.

Theorem threshold_general_proved : threshold_general.
Proof.
move=> T ref beta n w l v ref_full hb n_ge0 labelled wl [low near].
have above level : v < level -> exists p, full p /\ dpo_loss ref beta n p = level /\ delta p w l < 0.
  move=> lt; have [|q [[hq dq] lq]] := near (level - v); first lra.
  have lq' : dpo_loss ref beta n q < level by lra.
  exact: (every_level_above hb n_ge0 labelled wl hq dq lq').
split=> [p hp lt|]; first by apply: Rnot_le_lt => le; have := low p (conj hp le); lra.
split=> //; split=> [lt|[p [hp [lt neg]]]]; last by have := low p (conj hp (Rlt_le _ _ neg)); lra.
have [|p [hp [e neg]]] := above ((v + dpo_loss ref beta n ref) / 2); first lra.
by exists p; split=> //; split=> //; lra.
Qed.

(** * What guarantees nothing *)

(** A reference that prefers l by 2, a policy that prefers it by 1: better than the reference, and still wrong. *)
Theorem accuracy_logged_refuted : ~ accuracy_logged.
Proof.
move=> /(_ _ (leaning 2) (leaning 1) true false (leaning_full 2) (leaning_full 1)).
by rewrite /h !leaning_delta; lra.
Qed.

Definition thirds (y : 'I_3) := / 3.
Definition spread (y : 'I_3) := nth 0 [:: / 4; / 16; 11 / 16] y.

Lemma sum_ord3 (f : 'I_3 -> R) : \Sum_y f y = f (inord 0) + f (inord 1) + f (inord 2).
Proof.
rewrite !big_ord_recl big_ord0 /=.
have -> : inord 0 = ord0 :> 'I_3 by apply: val_inj; rewrite /= inordK.
have -> : inord 1 = lift ord0 ord0 :> 'I_3 by apply: val_inj; rewrite /= inordK.
have -> : inord 2 = lift ord0 (lift ord0 ord0) :> 'I_3 by apply: val_inj; rewrite /= inordK.
lra.
Qed.

Lemma thirds_full : full thirds.
Proof. by split=> [y|]; rewrite ?sum_ord3 /thirds; lra. Qed.

Lemma spread_full : full spread.
Proof.
by split=> [[[|[|[|//]]] hy]|]; rewrite ?sum_ord3 /spread /= ?inordK //=; lra.
Qed.

(** Both probabilities fall, the loser's more; a third response gains. *)
Theorem chosen_falls_refuted : ~ chosen_falls.
Proof.
have ne : (inord 0 : 'I_3) != inord 1 by apply/eqP => /(congr1 val); rewrite /= !inordK.
move=> /(_ _ thirds 1 (inord 0) (inord 1) spread thirds_full Rlt_0_1 ne spread_full).
rewrite !dpo_one_label h_self sp_lt_iff /h /delta /spread /thirds /= !inordK //=.
have := ln_increasing (/ 16) (/ 4); lra.
Qed.
