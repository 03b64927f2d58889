(** Chapter 6. A public grid of Eq. 10, cell by cell. *)
From Coq Require Import Reals Lra.
From mathcomp Require Import ssreflect ssrfun ssrbool eqtype ssrnat seq choice fintype bigop.
From Formal Require Import definitions sums definitions_cpo claims_cpo ch6_any_responses.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Open Scope R_scope.

Theorem grid_unbounded_proved : grid_unbounded.
Proof.
move=> mass gain beta hmass hgain hbeta ref r.
have m01 : 0 < mass < 1 by case: hmass => [<-|[<-|[<-|[<-|[<-|[]]]]]]; lra.
have g01 : 0 < gain <= 1 by case: hgain => [<-|[<-|[<-|[]]]]; lra.
have b0 : 0 < beta by case: hbeta => [<-|[<-|[<-|[]]]]; lra.
have href : full ref by split=> [b|]; rewrite ?sum_bool /ref; [case: b|]; lra.
split=> [gamma hgamma|p hp].
  have g0 : 0 < gamma by case: hgamma => [<-|[<-|[<-|[]]]]; lra.
  apply: (@penalised_unbounded _ ref r beta gamma (one_label true false) href b0 false g0 _ 1000).
  by rewrite balance_one_label /=; lra.
have kl := KL_ge0 (full_policy hp) href; have le1 := policy_le1 true (full_policy hp); have p0 := hp.1 true.
have bkl : 0 <= beta * KL p ref by apply: Rmult_le_pos; lra.
rewrite /penalised Rmult_0_l Rplus_0_r /J /mean sum_bool /r.
have : p true * gain <= 1 * 1 by apply: Rmult_le_compat; lra.
lra.
Qed.
