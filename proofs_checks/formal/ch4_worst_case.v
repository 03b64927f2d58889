(** Chapter 4, the worst-case ranking accuracy at a loss level: for pairs of equal weight that share no response sorting
    the costs is exact; for unequal weights it is not (a knapsack is). *)
From Coq Require Import Reals Lra Psatz.
From mathcomp Require Import ssreflect ssrfun ssrbool eqtype ssrnat seq choice fintype bigop path finset.
From Formal Require Import definitions sums softplus existence claims ch1_rlhf.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Open Scope R_scope.

(** * The k least of a list of costs add up to no more than any k *)

Section Least.
Variables (I : finType) (cost : I -> R).
Definition no_more : rel I := fun i j => if Rle_dec (cost i) (cost j) then true else false.

Lemma no_moreP i j : reflect (cost i <= cost j) (no_more i j).
Proof. by rewrite /no_more; case: Rle_dec => le; constructor. Qed.

Lemma no_more_trans : transitive no_more.
Proof. by move=> j i k /no_moreP h1 /no_moreP h2; apply/no_moreP; lra. Qed.

Lemma sum_take_least (s : seq I) (A : {set I}) : uniq s -> sorted no_more s -> {subset A <= s} ->
  \big[Rplus/0]_(i <- take #|A| s) cost i <= \Sum_(i | i \in A) cost i.
Proof.
elim: s A => [|x s ih] A.
  move=> _ _ sub; rewrite big_nil big_pred0; first lra.
  by move=> i; apply/negP => /sub; rewrite in_nil.
move=> /= /andP [xs us] hs sub; have hs' := path_sorted hs.
have xmin i : i \in s -> cost x <= cost i.
  by move=> hi; apply/no_moreP; have /allP := order_path_min no_more_trans hs; apply.
have peel a : a \in A -> cost x <= cost a -> {subset A :\ a <= s} ->
    \big[Rplus/0]_(i <- take #|A| (x :: s)) cost i <= \Sum_(i | i \in A) cost i.
  move=> ha le sub'; rewrite (cardsD1 a A) ha add1n /= big_cons (bigD1 a ha) /=.
  have e : \Sum_(i | i \in A :\ a) cost i = \Sum_(i | (i \in A) && (i != a)) cost i.
    by apply: eq_bigl => i; rewrite !inE andbC.
  by have := ih (A :\ a) us hs' sub'; rewrite e; exact: Rplus_le_compat.
case xA : (x \in A).
  apply: (peel x) => //; first lra.
  by move=> i; rewrite !inE => /andP [ne /sub]; rewrite in_cons (negbTE ne).
case: (set_0Vmem A) => [->|[a ha]].
  by rewrite cards0 big_nil big_pred0; [lra|move=> i; rewrite inE].
have inside i : i \in A -> i \in s.
  by move=> hi; have := sub i hi; rewrite in_cons; case: eqVneq => // e; rewrite e xA in hi.
by apply: (peel a) => //; [exact/xmin/inside|move=> i; rewrite !inE => /andP [_ /inside]].
Qed.
End Least.

(** * Pairs that share no response have free margins *)

Section Pairs.
Variables (T I : finType) (ref : T -> R) (w l : I -> T).
Hypotheses (ref_full : full ref) (w_inj : injective w) (apart : forall i j, w i != l j).

Lemma policy_with_margins (d : I -> R) : exists p, full p /\ forall i, delta p (w i) (l i) = d i.
Proof.
exists (tilt ref (fun y => if [pick i | w i == y] is Some i then d i - delta ref (w i) (l i) else 0)).
split=> [|i]; first exact: tilt_full.
rewrite (delta_tilt ref_full); case: pickP => [j /eqP /w_inj ->|/(_ i)]; last by rewrite eqxx.
by case: pickP => [k|_]; [rewrite (negbTE (apart k i))|lra].
Qed.

Variables (beta : R) (n : I -> R).
Hypotheses (beta_pos : 0 < beta) (n_pos : forall i, 0 < n i).
Definition pairs_loss p := \Sum_i (n i * sp (- (beta * h ref p (w i) (l i)))).
Definition pair_cost i := n i * sp (beta * delta ref (w i) (l i)).

(** What is ranked wrong costs at least its costs; *)
Lemma wrong_costs p (A : {set I}) : (forall i, i \in A -> delta p (w i) (l i) <= 0) ->
  \Sum_(i | i \in A) pair_cost i <= pairs_loss p.
Proof.
move=> wrong; rewrite -sum_if; apply: sum_le => i; case: ifP => [/wrong le|_]; last first.
  by apply: Rmult_le_pos; [exact/Rlt_le|exact/Rlt_le/sp_pos].
apply: Rmult_le_compat_l; first exact/Rlt_le.
by apply: sp_le; rewrite /h; have := Rmult_le_compat_l _ _ _ (Rlt_le _ _ beta_pos) le; lra.
Qed.

(** and the rest as little as one likes. *)
Lemma costs_suffice tau (A : {set I}) : \Sum_(i | i \in A) pair_cost i < tau ->
  exists p, full p /\ pairs_loss p < tau /\ forall i, i \in A -> delta p (w i) (l i) < 0.
Proof.
move=> lt; pose W := \Sum_i n i; have W0 : 0 <= W by apply: sum_ge0 => i _; exact/Rlt_le.
pose e := (tau - \Sum_(i | i \in A) pair_cost i) / (W + 1); have e0 : 0 < e by apply: div_pos; lra.
have [z hz] := sp_small e0.
pose d i := if i \in A then - (e / beta) else delta ref (w i) (l i) - z / beta.
have [p [hp hd]] := policy_with_margins d; exists p; split=> //; have eb := div_pos e0 beta_pos.
split; last by move=> i hi; rewrite hd /d hi; lra.
have : pairs_loss p <= \Sum_(i | i \in A) pair_cost i + e * W.
  rewrite -sum_if -sumZ -sumD; apply: sum_le => i; rewrite /pair_cost /h hd /d; case: ifP => _.
    have := sp_climbs_less (beta * delta ref (w i) (l i)) e0.
    have -> : beta * delta ref (w i) (l i) + e = - (beta * (- (e / beta) - delta ref (w i) (l i))) by field; lra.
    by move=> k; have := Rmult_le_compat_l _ _ _ (Rlt_le _ _ (n_pos i)) (Rlt_le _ _ k); lra.
  have k : sp (- (beta * (delta ref (w i) (l i) - z / beta - delta ref (w i) (l i)))) < e.
    by apply: hz; apply: Req_le; field; lra.
  by have := Rmult_le_compat_l _ _ _ (Rlt_le _ _ (n_pos i)) (Rlt_le _ _ k); lra.
have : e * (W + 1) = tau - \Sum_(i | i \in A) pair_cost i by rewrite /e; field; lra.
lra.
Qed.
End Pairs.

Theorem worst_case_accuracy_proved : worst_case_accuracy.
Proof.
move=> T I ref beta w l tau order k ref_full hb w_inj l_inj apart loss cost perm order_sorted size_k.
have one i : 0 < (fun _ : I => 1) i by lra.
have lossE p : loss p = pairs_loss ref w l beta (fun=> 1) p by apply: eq_bigr => i _; lra.
have costE i : cost i = pair_cost ref w l beta (fun=> 1) i by rewrite /pair_cost /cost; lra.
have uniq_order : uniq order by rewrite (perm_uniq perm) enum_uniq.
have all i : i \in order by rewrite (perm_mem perm) mem_enum.
split=> [[p [A [hp [lt [cardA wrong]]]]]|lt].
  apply: Rle_lt_trans lt; rewrite lossE.
  have le : \Sum_(i | i \in A) pair_cost ref w l beta (fun=> 1) i <= pairs_loss ref w l beta (fun=> 1) p.
    by apply: wrong_costs => // i /wrong; exact: Rlt_le.
  apply: Rle_trans le; rewrite -cardA; rewrite (eq_bigr cost) => [|i _]; last by rewrite costE.
  exact: sum_take_least.
pose A := [set i in take k order].
have uniq_take : uniq (take k order) by exact: take_uniq.
have sumA : \Sum_(i | i \in A) pair_cost ref w l beta (fun=> 1) i = \big[Rplus/0]_(i <- take k order) cost i.
  rewrite (big_uniq _ uniq_take) /=; apply: eq_big => [i|i _]; first by rewrite inE.
  by rewrite costE.
have [|p [hp [small wrong]]] := costs_suffice ref_full w_inj apart hb one (A := A) (tau := tau).
  by rewrite sumA.
exists p, A; rewrite lossE; do 2 split=> //; split=> //.
by rewrite cardsE (card_uniqP uniq_take) size_takel // (perm_size perm) -cardE.
Qed.

(** Two pairs of weights 1 and 3/2 at a uniform reference, costs log 2 and 3/2 log 2, level 2 log 2: sorting takes the
    first and stops, the second alone weighs more. *)
Definition quarters (y : bool * bool) := / 4.
Definition first_of (i : bool) := (i, true).
Definition second_of (i : bool) := (i, false).
Definition heavier (i : bool) := if i then 1 else 3 / 2.

Lemma quarters_full : full quarters.
Proof.
split=> [y|]; first by rewrite /quarters; lra.
by rewrite -(pair_big xpredT xpredT (fun _ _ => / 4)) /= !sum_bool; lra.
Qed.

Theorem worst_case_accuracy_weights_refuted : ~ worst_case_accuracy_weights.
Proof.
have w_inj : injective first_of by move=> i j [].
have l_inj : injective second_of by move=> i j [].
have apart i j : first_of i != second_of j by rewrite /first_of /second_of xpair_eqE andbF.
have n_pos i : 0 < heavier i by rewrite /heavier; case: i; lra.
have ln2 : 0 < ln 2 by rewrite -ln_1; apply: ln_increasing; lra.
have costE i : heavier i * sp (1 * delta quarters (first_of i) (second_of i)) = heavier i * ln 2.
  by rewrite /delta /quarters Rminus_eq_0 Rmult_0_r sp0.
have costA : \Sum_(i | i \in [set false]) pair_cost quarters first_of second_of 1 heavier i < 2 * ln 2.
  by rewrite big_set1 /pair_cost costE /heavier; lra.
have [p [hp [lt wrong]]] := costs_suffice quarters_full w_inj apart Rlt_0_1 n_pos costA.
move=> claim; have := claim _ _ quarters 1 first_of second_of heavier (2 * ln 2) [:: true; false] 1%N p [set false]
  quarters_full Rlt_0_1 n_pos w_inj l_inj apart.
rewrite /= !big_cons !big_nil !costE big_set1 /heavier => k.
suff: 3 / 2 <= 1 + 0 by lra.
apply: k => //; try lra.
- apply: uniq_perm => //; first exact: enum_uniq.
  by case; rewrite mem_enum.
- by rewrite andbT; case: Rle_dec => // -[]; lra.
Qed.
