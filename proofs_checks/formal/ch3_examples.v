(** Chapter 3, examples: an unlabelled response may take any share of the mass; labels that never disagree drive the
    loser's odds to 0 whatever beta is. *)
From Coq Require Import Reals Lra Psatz.
From mathcomp Require Import ssreflect ssrfun ssrbool eqtype ssrnat seq choice fintype bigop.
From Formal Require Import definitions sums softplus claims ch2_equivalence.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Open Scope R_scope.

Theorem dpo_unlabelled_response_proved : dpo_unlabelled_response.
Proof.
move=> T ref beta w l t ref_full hb wl ht; split; first exact: one_label_infimum.
move=> eta /sp_small [z hz]; exists (exp (z / beta + ln t - delta ref w l)); split; first exact: exp_pos.
move=> p _ pw [pl0 /(ln_increasing _ _ pl0)]; rewrite ln_exp dpo_one_label => lt; apply: hz.
have := Rmult_lt_compat_l beta _ _ hb lt.
rewrite (_ : beta * (z / beta + ln t - delta ref w l) = z + beta * (ln t - delta ref w l)); last by field; lra.
by rewrite /h [delta p w l]/delta pw; lra.
Qed.

(** The bound is e^{- delta_ref} times a power that tends to 0 with its base. *)
Lemma odds_bound_vanishes beta c eta : 0 < beta -> 0 < eta ->
  exists e, 0 < e /\ forall eps, 0 < eps < e -> exp c * Rpower (exp eps - 1) (/ beta) < eta.
Proof.
move=> hb heta; pose m := exp (beta * (ln eta - c)); have m0 : 0 < m := exp_pos _.
exists (ln (1 + m)); split; first by rewrite -ln_1; apply: ln_increasing; lra.
move=> eps [e0 lt]; have base : 0 < exp eps - 1 by have := exp_ineq1 eps; lra.
have : exp eps - 1 < m by have := exp_increasing _ _ lt; rewrite exp_ln; lra.
move=> /(ln_increasing _ _ base); rewrite ln_exp => lt1.
rewrite /Rpower -exp_plus -[X in _ < X](exp_ln _ heta); apply: exp_increasing.
have := Rmult_lt_compat_l (/ beta) _ _ (Rinv_0_lt_compat _ hb) lt1.
by rewrite (_ : / beta * (beta * (ln eta - c)) = ln eta - c); [lra|field; lra].
Qed.

Theorem dpo_deterministic_labels_proved : dpo_deterministic_labels.
Proof.
move=> T ref beta w l ref_full hb wl; split; last by move=> eta; exact: odds_bound_vanishes.
move=> p eps [hp _]; rewrite dpo_one_label => lt.
have base : 0 < exp eps - 1 by have := sp_pos (- (beta * h ref p w l)); have := exp_ineq1 eps; lra.
have e : sp (ln (exp eps - 1)) = eps by rewrite /sp exp_ln // -[RHS]ln_exp; congr ln; lra.
rewrite -e in lt; move/sp_lt_iff: lt => lt.
rewrite /Rpower -exp_plus -(exp_ln _ (div_pos (hp l) (hp w))); apply: exp_increasing.
rewrite ln_div //; have := Rmult_lt_compat_l (/ beta) _ _ (Rinv_0_lt_compat _ hb) lt.
rewrite (_ : / beta * - (beta * h ref p w l) = - h ref p w l); last by field; lra.
by rewrite /h /delta; lra.
Qed.
