(** Chapter 7. The hard constraint: what a duality gap proves, KKT, one pair in closed form. *)
From Coq Require Import Reals Lra Psatz FunctionalExtensionality.
From mathcomp Require Import ssreflect ssrfun ssrbool eqtype ssrnat seq choice fintype bigop.
From Formal Require Import definitions sums pinsker definitions_cpo claims_cpo.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Open Scope R_scope.

Section Duality.
Variables (T : finType) (E : rel T) (m : T -> T -> R) (star : T -> R) (lam : T -> T -> R).
Hypotheses (star_full : full star) (lam_ok : multipliers E lam).
Notation dual := (tilted m star lam).
Notation S := (tilted_mass m star lam).
Notation slack p := (\Sum_w \Sum_l (lam w l * (p w - exp (m w l) * p l))).

Lemma dual_positive y : 0 < star y * exp (pull m lam y).
Proof. by apply: Rmult_lt_0_compat; [exact: star_full.1|exact: exp_pos]. Qed.

Lemma dual_full : full dual.
Proof. by have [y _] := policy_inhabited (full_policy star_full); exact: (normalised_full y dual_positive). Qed.

Lemma ln_dual y : ln (dual y) = ln (star y) + pull m lam y - ln S.
Proof. by rewrite (ln_normalised y dual_positive) (ln_mult _ _ (star_full.1 y) (exp_pos _)) ln_exp. Qed.

Lemma pull_against (p : T -> R) : \Sum_y (p y * pull m lam y) = slack p.
Proof.
transitivity (\Sum_w \Sum_l (p w * lam w l) - \Sum_l \Sum_w (p l * (exp (m w l) * lam w l))).
  by rewrite -sumB; apply: eq_bigr => y _; rewrite !sumZ /pull; lra.
rewrite [X in _ - X]sum2_swap -sum2B; apply: eq_sum2 => w l; ring.
Qed.

Theorem gap_identity p : policy p -> KL p star + ln S = KL p dual + slack p.
Proof.
move=> [hp sp]; rewrite -pull_against.
suff: \Sum_y (p y * ln (p y / star y) + ln S * p y) = \Sum_y (p y * ln (p y / dual y) + p y * pull m lam y).
  by rewrite !sumD !sumZ sp -/(KL p star) -/(KL p dual); lra.
apply: eq_bigr => y _; case: (hp y) => [hy|<-]; last by lra.
by rewrite (ln_div hy (star_full.1 y)) (ln_div hy (dual_full.1 y)) ln_dual; lra.
Qed.

Lemma slack_nonnegative p : feasible E m p -> 0 <= slack p.
Proof.
move=> [_ hf]; apply: sum2_ge0 => w l; have [h0 off] := lam_ok w l.
case ewl: (E w l); last by rewrite off ?ewl //; lra.
by have := hf w l ewl; have := Rmult_le_pos _ (p w - exp (m w l) * p l) h0; lra.
Qed.

Theorem dual_bound p : feasible E m p -> - ln S <= KL p star.
Proof.
by move=> hp; have := gap_identity hp.1; have := KL_ge0 hp.1 dual_full; have := slack_nonnegative hp; lra.
Qed.

Theorem kkt_suffices : feasible E m dual -> (forall w l, lam w l * (dual w - exp (m w l) * dual l) = 0) ->
  only_minimiser (feasible E m) (fun q => KL q star) dual /\ KL dual star = - ln S.
Proof.
move=> hf cs.
have s0 : slack dual = 0 by apply: big1 => w _; apply: big1 => l _; exact: cs.
have e : KL dual star = - ln S by have := gap_identity hf.1; rewrite (KL_self dual_full) s0; lra.
split=> //; split; first by split=> // q hq; rewrite e; exact: dual_bound.
move=> q [hq least]; apply: KL_eq0; [exact: hq.1|exact: dual_full|].
by have := gap_identity hq.1; have := slack_nonnegative hq; have := least _ hf; lra.
Qed.
End Duality.

Theorem hard_kkt_proved : hard_kkt.
Proof. by move=> T E m star lam hs hl p; exact: kkt_suffices. Qed.

(** ** A feasible policy is as near to the projection as its gap *)

Lemma mix_feasible (T : finType) (E : rel T) m t p q : 0 <= t <= 1 ->
  feasible E m p -> feasible E m q -> feasible E m (mix t p q).
Proof.
move=> ht [pp fp] [pq fq]; split=> [|w l ewl]; first exact: mix_policy.
by rewrite /mix; have := fp w l ewl; have := fq w l ewl; nra.
Qed.

Theorem hard_gap_proved : hard_gap.
Proof.
move=> T E m star lam p hs hl hp gap; split; first exact: gap_identity hp.1.
split=> [q|q [hq least]]; first exact: dual_bound.
have bound := dual_bound hs hl hq; split; first by rewrite /gap; lra.
rewrite -/(distance p q) distance_sym.
apply: Rle_trans (KL_pythagoras hq.1 hp.1 hs _) _; last by rewrite /gap; lra.
by move=> t ht; apply: least; apply: mix_feasible => //; lra.
Qed.
