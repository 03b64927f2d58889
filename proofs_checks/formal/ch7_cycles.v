(** Chapter 7. What a cycle of hard constraints forces, whatever its length. *)
From Coq Require Import Reals Lra Psatz.
From mathcomp Require Import ssreflect ssrfun ssrbool eqtype ssrnat seq choice fintype bigop path fingraph.
From Formal Require Import definitions sums softplus definitions_cpo claims_cpo.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Open Scope R_scope.

Section Walk.
Variables (T : finType) (E : rel T) (m : T -> T -> R) (p : T -> R) (k : nat) (y : nat -> T).
Hypotheses (hp : feasible E m p) (labelled : forall i, (i < k)%N -> E (y i) (y i.+1)).
(** the margins of the first [j] labels of the walk *)
Notation total j := (\big[Rplus/0]_(i < j) m (y i) (y i.+1)).

Lemma total_step j : total j.+1 = total j + m (y j) (y j.+1).
Proof. by rewrite big_ord_recr. Qed.

(** going down the walk: p (y j) e^(total j) never exceeds p (y 0), and falls at each label *)
Lemma walk_step j : (j < k)%N -> exp (total j.+1) * p (y j.+1) <= exp (total j) * p (y j).
Proof.
move=> lt; rewrite total_step exp_plus Rmult_assoc; apply: Rmult_le_compat_l; first exact/Rlt_le/exp_pos.
exact: hp.2 (labelled lt).
Qed.

Lemma walk_falls i j : (i <= j <= k)%N -> exp (total j) * p (y j) <= exp (total i) * p (y i).
Proof.
case/andP; elim: j => [|j ih]; first by rewrite leqn0 => /eqP -> _; lra.
rewrite leq_eqVlt => /orP [/eqP -> _|]; first lra.
by rewrite ltnS => hij lt; have := ih hij (ltnW lt); have := walk_step lt; lra.
Qed.

Hypothesis closed : y k = y 0%N.

Lemma start_is_least : exp (total k) * p (y 0%N) <= p (y 0%N).
Proof. by have := @walk_falls 0 k; rewrite leqnn closed big_ord0 exp_0 /=; move=> /(_ isT); lra. Qed.

Theorem positive_cycle_is_empty : 0 < total k -> forall i, (i < k)%N -> p (y i) = 0.
Proof.
move=> pos i lt; have zero : p (y 0%N) = 0.
  by have := start_is_least; have := exp_ineq1 (total k) ltac:(lra); have := hp.1.1 (y 0%N); nra.
have := @walk_falls 0 i; rewrite (ltnW lt) big_ord0 exp_0 zero => /(_ isT).
by have := exp_pos (total i); have := hp.1.1 (y i); nra.
Qed.

Theorem zero_cycle_is_tight : total k = 0 -> forall i, (i < k)%N -> p (y i) = exp (m (y i) (y i.+1)) * p (y i.+1).
Proof.
move=> zero i lt.
have e0 : exp (total 0) * p (y 0%N) = p (y 0%N) by rewrite big_ord0 exp_0; lra.
have up := @walk_falls 0 i; rewrite e0 (ltnW lt) in up.
have down := @walk_falls i.+1 k; rewrite lt leqnn closed zero exp_0 in down.
have := up isT; have := down isT; have := walk_step lt; rewrite total_step exp_plus => h1 h2 h3.
have he := exp_pos (total i).
by apply: (Rmult_eq_reg_l (exp (total i))); lra.
Qed.
End Walk.

Theorem cycle_proved : cycle.
Proof.
move=> T E m around total; split=> [p k y hp [_ [closed labelled]]|all [p hp]].
  by split; [exact: (positive_cycle_is_empty hp labelled closed)|exact: (zero_cycle_is_tight hp labelled closed)].
suff: \Sum_a p a = 0 by rewrite hp.1.2; lra.
apply: big1 => a _; have [k [y [[k0 [closed labelled]] [pos <-]]]] := all a.
exact: (positive_cycle_is_empty hp labelled closed pos k0).
Qed.
