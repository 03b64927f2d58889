(** What a certificate of a problem file rests on: the problem written out as lists of numbers, and theorems that turn
    each of its results into finitely many inequalities between numbers, which the tactic [numbers] proves. The
    first section is part of what a reader trusts, beside [definitions.v]. *)
From Coq Require Import Reals Lra Psatz.
From mathcomp Require Import ssreflect ssrfun ssrbool eqtype ssrnat seq choice fintype finset bigop.
From Interval Require Import Tactic.
From Formal Require Import definitions sums softplus claims ch1_rlhf existence ch2_equivalence ch3_existence.
From Formal Require Import definitions_cpo claims_cpo ch7_hard.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Open Scope R_scope.

(** * A problem of [k] responses, written out *)

(** the response [y] has the [y]-th number of a list *)
Definition listed k (xs : seq R) (y : 'I_k) := nth 0 xs y.
(** labels [(winner, loser, weight)]; weights of equal labels add up *)
Definition labels k (ls : seq (nat * nat * R)) (w l : 'I_k) : R :=
  foldr (fun t rest => (if (t.1.1 == w :> nat) && (t.1.2 == l :> nat) then t.2 else 0) + rest) 0 ls.
(** the pairs of responses that a label names *)
Definition labelled k (ls : seq (nat * nat * R)) : rel 'I_k :=
  fun w l => has (fun t => (t.1.1 == w :> nat) && (t.1.2 == l :> nat)) ls.

(** * Sums and conditions that compute *)

Fixpoint upto k (f : nat -> R) : R := match k with O => 0 | S k => upto k f + f k end.
Fixpoint each k (P : nat -> Prop) : Prop := match k with O => True | S k => each k P /\ P k end.
Fixpoint over (ls : seq (nat * nat * R)) (f : nat -> nat -> R) : R :=
  match ls with [::] => 0 | t :: ls => t.2 * f t.1.1 t.1.2 + over ls f end.
Definition within k (ls : seq (nat * nat * R)) := all (fun t => (t.1.1 < k)%N && (t.1.2 < k)%N) ls.
(** 1 at [y] *)
Definition unit y z : R := if Nat.eqb y z then 1 else 0.

Ltac numbers := cbn [upto each over nth fst snd unit Nat.eqb option_map Rmult];
  repeat split; unfold sp; try lra; try interval with (i_prec 100).

Lemma upto_sum k (f : nat -> R) : \big[Rplus/0]_(y < k) f y = upto k f.
Proof. by elim: k => [|k ih]; [rewrite big_ord0|rewrite big_ord_recr ih]. Qed.

Lemma eachP k P : each k P -> forall y : 'I_k, P y.
Proof.
elim: k => [_ []//|k ih] [/ih hk Pk] [y hy] /=.
by move: (hy); rewrite ltnS leq_eqVlt => /orP [/eqP ->//|lt]; exact: (hk (Ordinal lt)).
Qed.

Lemma eqbE y z : Nat.eqb y z = (y == z).
Proof. by elim: y z => [|y ih] [|z] //=; rewrite ih. Qed.

Lemma over_sum k ls (f : nat -> nat -> R) : within k ls ->
  \Sum_w \Sum_l (@labels k ls w l * f w l) = over ls f.
Proof.
elim: ls => [|[[a b] x] ls ih] /=; first by move=> _; rewrite big1 // => w _; rewrite big1 // => l _; rewrite /labels /=; lra.
case/andP=> /andP [ha hb] /ih <-.
rewrite -(sum2_at (fun w l : 'I_k => x * f w l) (Ordinal ha) (Ordinal hb)) -sum2D; apply: eq_sum2 => w l.
rewrite /labels /= -/(labels ls w l) -!val_eqE /= (eq_sym a) (eq_sym b).
by case: ifP => [/andP [/eqP -> /eqP ->]|_]; lra.
Qed.

Section Problem.
Variables (k : nat) (W : seq R) (beta : R) (ls : seq (nat * nat * R)).
Hypotheses (W_pos : each k (fun y => 0 < nth 0 W y)) (some : (0 < k)%N) (beta_pos : 0 < beta) (ls_ok : within k ls).
Notation ref := (normalised (@listed k W)).
Notation n := (@labels k ls).

Lemma written_positive y : 0 < @listed k W y. Proof. exact: (eachP W_pos). Qed.

Lemma ref_full : full ref.
Proof. exact: (normalised_full (Ordinal some) written_positive). Qed.

Lemma written_mass : \Sum_y @listed k W y = upto k (nth 0 W). Proof. exact: upto_sum. Qed.

Lemma written_mass_positive : 0 < upto k (nth 0 W).
Proof. by rewrite -written_mass; exact: (mass_pos (Ordinal some) written_positive). Qed.

Section Reward.
Variable r : seq R.
Notation star := (pi_star ref (listed r) beta).
Definition weight y := nth 0 W y * exp (nth 0 r y / beta).

Lemma partition_written : partition ref (listed r) beta = upto k weight / upto k (nth 0 W).
Proof.
rewrite /partition -(upto_sum k weight) /Rdiv Rmult_comm -sumZ; apply: eq_bigr => y _.
by rewrite /normalised written_mass /weight /listed; have := written_mass_positive; move=> h; field; lra.
Qed.

Lemma star_written y : star y = weight y / upto k weight.
Proof.
have h := written_mass_positive; have hz := partition_pos (listed r) beta ref_full.
rewrite /pi_star partition_written in hz *; rewrite /normalised written_mass /weight /listed -/(weight y).
have hw : 0 < upto k weight by have := Rmult_lt_compat_r _ _ _ h hz; rewrite Rmult_0_l /Rdiv Rmult_assoc Rinv_l; lra.
by field; split; lra.
Qed.

(** ** The RLHF optimum within a stated error *)
Theorem certified_rlhf P eps low high :
  each k (fun y => Rabs (weight y / upto k weight - nth 0 P y) <= eps) ->
  low <= beta * ln (upto k weight / upto k (nth 0 W)) <= high ->
  only_maximiser policy (J ref (listed r) beta) star /\ (forall y, Rabs (star y - listed P y) <= eps) /\
  low <= V ref (listed r) beta <= high.
Proof.
move=> near value; have [_ [_ [_ best]]] := rlhf_closed_form_proved (listed r) ref_full beta_pos.
split=> //; split=> [y|]; first by rewrite star_written; exact: (eachP near).
by rewrite /V partition_written.
Qed.
End Reward.

(** ** The DPO loss of scores *)

Lemma loss_written s : dpo_loss ref beta n (policy_of ref beta (listed s))
  = over ls (fun w l => sp (- (nth 0 s w - nth 0 s l))).
Proof.
rewrite (dpo_policy_of n ref_full beta_pos) bradley_terry_sp.
exact: (over_sum (fun w l => sp (- (nth 0 s w - nth 0 s l))) ls_ok).
Qed.

Lemma scores_full s : full (policy_of ref beta (@listed k s)).
Proof. exact: policy_of_full ref_full _. Qed.
End Problem.
