(** Chapter 7. Soft margins (Proposition 5.1) and the targets of the released losses. *)
From Coq Require Import Reals Lra Psatz.
From mathcomp Require Import ssreflect ssrfun ssrbool eqtype ssrnat seq choice fintype bigop.
From Formal Require Import definitions sums softplus definitions_cpo claims_cpo.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Open Scope R_scope.

(** sp(z) - max(0, z) = sp(-|z|): folded at 0 *)
Lemma fold_at_zero beta a : 0 < beta -> sp (beta * a) / beta - Rmax 0 a = sp (- (beta * Rabs a)) / beta.
Proof.
move=> hb; rewrite /Rmax /Rabs; case: Rle_dec => h1; case: Rcase_abs => h2; try lra.
  by rewrite (sp_odd (beta * a)); field; lra.
by rewrite -Ropp_mult_distr_r Ropp_involutive; lra.
Qed.

Theorem prop_5_1_proved : prop_5_1.
Proof.
move=> beta a hb; rewrite fold_at_zero //; have ib := Rinv_0_lt_compat _ hb.
have at0 : a = 0 -> sp (- (beta * Rabs a)) = ln 2 by move=> ->; rewrite Rabs_R0 Rmult_0_r Ropp_0 sp0.
have off0 : a <> 0 -> sp (- (beta * Rabs a)) < ln 2.
  by move=> /Rabs_pos_lt ha; rewrite -sp0; apply: sp_lt; have := Rmult_lt_0_compat _ _ hb ha; lra.
split; [split|split].
- by apply: div_pos => //; exact: sp_pos.
- by apply: Rmult_le_compat_r; [lra|case: (Req_dec a 0) => [/at0|/off0]; lra].
- by move=> /Rmult_eq_reg_r e; case: (Req_dec a 0) => // /off0; have := e ltac:(lra); lra.
- by move=> /at0 ->.
Qed.

Theorem code_cpo_proved : code_cpo.
Proof.
move=> delta_ref gamma tau ht target; have [h1 h2] := prop_5_1_proved (gamma - delta_ref) ht.
have -> : target - Rmax delta_ref gamma = sp (tau * (gamma - delta_ref)) / tau - Rmax 0 (gamma - delta_ref).
  by rewrite /target /Rmax; case: Rle_dec; case: Rle_dec; lra.
by split=> //; rewrite h2; split; lra.
Qed.

Theorem code_clip_proved : code_clip.
Proof.
move=> beta d d_ref hb; congr (sp (- _)).
suff -> : Rmax (beta * d_ref) 0 = beta * Rmax d_ref 0 by lra.
by rewrite /Rmax; case: Rle_dec => h1; case: Rle_dec => h2; nra.
Qed.

Theorem code_easy_proved : code_easy.
Proof.
move=> T ref beta gamma w l href wl hb hg; split; first by rewrite /easy_target; lra.
have neg a b : a != b -> ln (ref a) < 0.
  move=> ab; rewrite -ln_1; apply: ln_increasing; first exact: href.1.
  have : \Sum_y (if y == a then ref a else if y == b then ref b else 0) <= \Sum_y ref y.
    by apply: sum_le => y; case: eqP => [->|_]; [lra|case: eqP => [->|_]; [lra|exact/Rlt_le/href.1]].
  have ba : (b == a) = false by rewrite eq_sym; exact/negbTE.
  rewrite href.2 (bigD1 a) //= eqxx (bigD1 b) ?ba //= eqxx.
  have : 0 <= \Sum_(i | (i != a) && (i != b)) (if i == a then ref a else if i == b then ref b else 0).
    by apply: sum_ge0 => y _; case: ifP => _; [exact/Rlt_le/href.1|case: ifP => _; [exact/Rlt_le/href.1|lra]].
  by have := href.1 b; lra.
have h1 : 1 / ln (ref w) < 0 by have := Rinv_lt_0_compat _ (neg _ _ wl); lra.
have h2 : 1 / ln (ref l) < 0 by have := Rinv_lt_0_compat _ (neg l w ltac:(by rewrite eq_sym)); lra.
have := div_pos hg hb => hk; rewrite /easy_target; nra.
Qed.
