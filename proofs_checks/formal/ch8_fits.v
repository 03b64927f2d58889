(** Chapter 8, the literature: what DPO fits to any preferences, and to data played against a policy. *)
From Coq Require Import Reals Lra Psatz FunctionalExtensionality.
From mathcomp Require Import ssreflect ssrfun ssrbool eqtype ssrnat seq choice fintype bigop path fingraph.
From Formal Require Import definitions sums softplus blocks ch1_rlhf claims ch2_equivalence existence ch3_solution_set.
From Formal Require Import claims_literature.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Open Scope R_scope.

Theorem azar_prop4_any_preferences_proved : azar_prop4_any_preferences.
Proof.
move=> T ref s beta n href hb n_ge0 all [_ least]; have [likelihood [reached _]] := dpo_bradley_terry_proved n href hb.
have [full_star loss_star] : full (pi_star ref s beta) /\ dpo_loss ref beta n (pi_star ref s beta) = bradley_terry n s.
  exact: reached.
have best : minimises full (dpo_loss ref beta n) (pi_star ref s beta).
  by split=> // p hp; rewrite loss_star likelihood //; exact: least.
split=> // p hp; apply: full_eq => // [|a b]; first exact: hp.1.
case: (eqVneq a b) => [->|ab]; first by rewrite /delta; lra.
have convex (w l : T) x y := @dpo_label_convex beta hb x y.
have := h_unique href n_ge0 (L := fun _ _ => dpo_label beta) convex hp best (all a b ab).
by rewrite /h; lra.
Qed.

Theorem spin_exact_rounds_proved : spin_exact_rounds.
Proof.
move=> T p last beta hp hlast hb next apart; have [y0 _] := policy_inhabited (full_policy hp).
pose r y := ln (p y / last y); pose m w l := p w * last l.
have pos y : 0 < p y / last y by apply: div_pos; [exact: hp.1|exact: hlast.1].
have mpos w l : 0 < m w l by apply: Rmult_lt_0_compat; [exact: hp.1|exact: hlast.1].
have rates w l : population r m w l = m w l.
  rewrite /population /sigma (_ : - (r w - r l) = r l - r w); last by ring.
  rewrite /r -(ln_div (pos l) (pos w)) exp_ln; last exact: div_pos.
  by rewrite /m; have := hp.1 w; have := hp.1 l; have := hlast.1 w; have := hlast.1 l => *; field; nra.
have positive y : 0 < Rpower (last y) (1 - 1 / beta) * Rpower (p y) (1 / beta).
  by apply: Rmult_lt_0_compat; exact: exp_pos.
have next_full : full next := normalised_full y0 positive.
have next_delta a b : delta next a b = (1 - 1 / beta) * delta last a b + 1 / beta * delta p a b.
  rewrite (delta_normalised _ _ positive) !(ln_mult _ _ (exp_pos _) (exp_pos _)) /Rpower !ln_exp /delta; ring.
have is_star : pi_star last r beta = next.
  apply: full_eq => // [|a b]; first exact: star_full.
  rewrite delta_star // next_delta /r (ln_div (hp.1 a) (hlast.1 a)) (ln_div (hp.1 b) (hlast.1 b)) /delta.
  by field; lra.
have moved a b : apart next a b = (1 - 1 / beta) * apart last a b.
  have := next_delta a b; rewrite /apart /delta.
  rewrite (ln_div (next_full.1 a) (hp.1 a)) (ln_div (next_full.1 b) (hp.1 b)).
  by rewrite (ln_div (hlast.1 a) (hp.1 a)) (ln_div (hlast.1 b) (hp.1 b)) => e; lra.
split.
  have m0 : weights m by move=> w l; exact/Rlt_le.
  have conn : connected m by move=> a b; apply: connect1; rewrite /linked; apply/orP; left; apply/labelP.
  have [[_ least] only] := thm_3_5_repaired_proved r hlast hb m0 conn.
  have same q : dpo_loss last beta m q = dpo_loss last beta (population r m) q.
    by apply: eq_sum2 => w l; rewrite rates.
  rewrite -is_star; split=> [|q [hq best]].
    by split=> [|q hq]; [exact: star_full|rewrite !same; exact: least].
  by apply: only; split=> // x hx; rewrite -!same; exact: best.
split=> [a b|a b ne]; first by rewrite moved; field; lra.
rewrite moved Rabs_mult; have far := Rabs_pos_lt _ ne; have ib := Rinv_0_lt_compat _ hb.
have e : beta * / beta = 1 by apply: Rinv_r; lra.
have shrinks : Rabs (1 - 1 / beta) < 1 <-> 1 / 2 < beta.
  split=> [/Rabs_def2 [_ lt]|lt]; first by nra.
  by apply: Rabs_def1; nra.
rewrite -shrinks; split=> lt; last by nra.
by apply: (Rmult_lt_reg_r (Rabs (apart last a b))) => //; lra.
Qed.
