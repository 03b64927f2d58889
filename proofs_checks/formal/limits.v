(** Minimising filters. A minimising sequence would need a choice of points; a filter does not. Along some filter that
    approaches the infimum every difference s i - s j has a limit in [-oo, +oo]; the classes of responses at finite
    distance can be put back at that distance, and in the same order as far apart as one likes. *)
From Coq Require Import Reals Lra Psatz Classical.
From Coquelicot Require Import Coquelicot.
From mathcomp Require Import ssreflect ssrfun ssrbool eqtype ssrnat seq choice fintype bigop.
From Formal Require Import definitions sums.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Open Scope R_scope.

(** * Extended limits along a finer filter *)

Section Refine.
Variable X : Type.
Implicit Types (F G : (X -> Prop) -> Prop) (u : X -> R).

Definition tends u G (a : Rbar) := filterlim u G (Rbar_locally a).

Lemma tends_up u G : tends u G p_infty -> forall H : R, G (fun x => H < u x).
Proof. by move=> t H; exact (t (fun y => H < y) (ex_intro _ H (fun y hy => hy))). Qed.

Lemma tends_down u G : tends u G m_infty -> forall H : R, G (fun x => u x < H).
Proof. by move=> t H; exact (t (fun y => y < H) (ex_intro _ H (fun y hy => hy))). Qed.

(** [a] is the upper limit: whatever is above it [u] ends below, whatever is below it [u] keeps exceeding. *)
Lemma cluster_point F (FF : ProperFilter F) u :
  exists a : Rbar, forall (P : X -> Prop) (N : R -> Prop), F P -> Rbar_locally a N ->
  exists x, P x /\ N (u x).
Proof.
pose A t := ~ F (fun x => u x < t).
have eventually_below t s : ~ A t -> t <= s -> F (fun x => u x < s).
  by move=> /NNPP hF ts; apply: filter_imp hF => x; lra.
have exceeds (P : X -> Prop) (N : R -> Prop) t : F P -> A t -> (forall x, P x -> t <= u x -> N (u x)) ->
    exists x, P x /\ N (u x).
  move=> hP hA hN; apply: NNPP => none; apply: hA; apply: filter_imp hP => x hx.
  by case: (Rlt_le_dec (u x) t) => // le; case: none; exists x; split=> //; exact: hN.
have [up least] := Lub_Rbar_correct A; exists (Lub_Rbar A) => P N hP.
case: (Lub_Rbar A) up least => [a||] up least.
- move=> [eps hN]; have he := cond_pos eps.
  have below : F (fun x => u x < a + eps / 2).
    by apply: (eventually_below (a + eps / 2)); [move=> /up /=; lra|lra].
  have [t [ht lt]] : exists t, A t /\ a - eps / 2 < t.
    apply: NNPP => none; have : Rbar_le a (a - eps / 2); last by rewrite /=; lra.
    by apply: least => t ht /=; apply: Rnot_lt_le => lt; case: none; exists t.
  have [x [[hx lx] hNx]] : exists x, (P x /\ u x < a + eps / 2) /\ N (u x); last by exists x.
  apply: (exceeds _ _ t) => //; first exact: filter_and.
  by move=> x [_ lx] le; apply: hN; apply: Rabs_def1; rewrite /minus /plus /opp /=; lra.
- move=> [M hN]; have [t [ht lt]] : exists t, A t /\ M < t.
    apply: NNPP => none; have : Rbar_le p_infty M; last by [].
    by apply: least => t ht /=; apply: Rnot_lt_le => lt; case: none; exists t.
  by apply: (exceeds _ _ t) => // x _ le; apply: hN; lra.
move=> [M hN]; have below : F (fun x => u x < M) by apply: (eventually_below M); [move=> /up|lra].
have [x [hx lx]] := filter_ex _ (filter_and _ _ hP below).
by exists x; split=> //; exact: hN.
Qed.

Lemma refine_one F (FF : ProperFilter F) u :
  exists a G, ProperFilter G /\ (forall P, F P -> G P) /\ tends u G a.
Proof.
have [a ha] := cluster_point FF u; exists a.
exists (fun (Q : X -> Prop) => exists (P : X -> Prop) (N : R -> Prop),
  F P /\ Rbar_locally a N /\ forall x, P x -> N (u x) -> Q x); split.
  split.
    by move=> Q [P [N [hP [hN hQ]]]]; have [x [hx hNx]] := ha P N hP hN; exists x; exact: hQ.
  split.
  - exists (fun _ => True), (fun _ => True); split; first exact: filter_true.
    by split=> //; exact: filter_true.
  - move=> Q Q' [P [N [hP [hN hQ]]]] [P' [N' [hP' [hN' hQ']]]].
    exists (fun x => P x /\ P' x), (fun t => N t /\ N' t); split; first exact: filter_and.
    split; first exact: filter_and.
    by move=> x [h1 h2] [h3 h4]; split; [exact: hQ|exact: hQ'].
  - by move=> Q Q' QQ' [P [N [hP [hN hQ]]]]; exists P, N; do 2 split=> //; move=> x h1 h2; apply: QQ'; exact: hQ.
split=> [P hP|N hN].
  by exists P, (fun _ => True); split=> //; split=> //; exact: filter_true.
by exists (fun _ => True), N; split; [exact: filter_true|].
Qed.

Lemma refine (I : finType) F (FF : ProperFilter F) (u : I -> X -> R) :
  exists (a : I -> Rbar) G, ProperFilter G /\ (forall P, F P -> G P) /\ forall i, tends (u i) G (a i).
Proof.
suff all (s : seq I) : exists (a : I -> Rbar) G, ProperFilter G /\ (forall P, F P -> G P) /\
    forall i, i \in s -> tends (u i) G (a i).
  by have [a [G [h1 [h2 h3]]]] := all (enum I); exists a, G; do 2 split=> //; move=> i; apply: h3; rewrite mem_enum.
elim: s => [|j s [a [G [GF [FG ha]]]]]; first by exists (fun _ => p_infty), F.
have [b [H [HF [GH hb]]]] := refine_one GF (u j).
exists (fun i => if i == j then b else a i), H; split=> //; split=> [P hP|i]; first by apply: GH; exact: FG.
rewrite in_cons; case: eqVneq => [->|_] //= hi.
by move=> N hN; apply: GH; exact: ha.
Qed.

Lemma Rbar_between (a b : Rbar) : Rbar_lt a b -> exists t : R, Rbar_lt a t /\ Rbar_lt t b.
Proof.
case: a b => [a||] [b||] //= lt; [exists ((a + b) / 2)|exists (a + 1)|exists (b - 1)|exists 0]; by split=> //=; lra.
Qed.

Lemma tends_unique G (GF : ProperFilter G) u (a b : Rbar) : tends u G a -> tends u G b -> a = b.
Proof.
have no c d t : tends u G c -> tends u G d -> Rbar_lt c (Finite t) -> Rbar_lt (Finite t) d -> False.
  move=> hc hd lt1 lt2.
  have [x [/= h1 h2]] := filter_ex _ (filter_and _ _ (hc _ (open_Rbar_lt' _ _ lt1)) (hd _ (open_Rbar_gt' _ _ lt2))).
  by move: h1 h2; lra.
move=> ha hb; case: (Rbar_total_order a b) => [[lt|//]|gt]; exfalso.
  by have [t [h1 h2]] := Rbar_between lt; exact: (no a b t).
by have [t [h1 h2]] := Rbar_between gt; exact: (no b a t).
Qed.
End Refine.

(** * Differences with extended limits *)

Section Differences.
Variables (T : finType) (G : ((T -> R) -> Prop) -> Prop) (D : T -> T -> Rbar).
Hypotheses (GF : ProperFilter G) (D_limit : forall i j, tends (fun s => s i - s j) G (D i j)).

Lemma D_sum i j k : ex_Rbar_plus (D i j) (D j k) -> D i k = Rbar_plus (D i j) (D j k).
Proof.
move=> ex; apply: (tends_unique GF (@D_limit i k)).
apply: (filterlim_ext (fun s => (s i - s j) + (s j - s k))); first by move=> s; lra.
apply: filterlim_comp_2; [exact: D_limit|exact: D_limit|apply: filterlim_Rbar_plus].
exact: Rbar_plus_correct.
Qed.

Lemma D_opp i j : D j i = Rbar_opp (D i j).
Proof.
apply: (tends_unique GF (@D_limit j i)).
apply: (filterlim_ext (fun s => - (s i - s j))); first by move=> s; lra.
by apply: filterlim_comp; [exact: D_limit|exact: filterlim_Rbar_opp].
Qed.

Lemma D_self i : D i i = 0.
Proof.
apply: (tends_unique GF (@D_limit i i)).
apply: (filterlim_ext (fun=> 0)); first by move=> s; lra.
by move=> N /locally_singleton hN; rewrite /filtermap; apply: filter_forall.
Qed.

Definition close i j := is_finite (D i j).
Definition closeb : rel T := fun i j => if D i j is Finite _ then true else false.
Definition above i j := if D i j is p_infty then true else false.

(** the representative of a class of responses at finite distance, and how many responses lie infinitely far below *)
Definition rep i := odflt i [pick j | closeb i j].
Definition rank i := #|[pred k | above i k]|.

Lemma closeb_eq i j : closeb i j -> closeb i =1 closeb j.
Proof.
rewrite /closeb => hij k; have e := D_sum (i := j) (j := i) (k := k); rewrite (D_opp i j) in e.
case: (D i j) hij e => //= d _; case: (D i k) => [c||] /= e; by rewrite (e I) .
Qed.

Lemma close_rep i : closeb i (rep i).
Proof.
rewrite /rep; case: pickP => //= none; have := none i.
by rewrite /closeb D_self.
Qed.

Lemma rep_eq i j : closeb i j -> rep i = rep j.
Proof.
move=> hij; rewrite /rep (eq_pick (closeb_eq hij)); case: pickP => //= none.
by have := none j; rewrite /closeb D_self.
Qed.

Lemma rank_eq i j : closeb i j -> rank i = rank j.
Proof.
rewrite /closeb => hij; apply: eq_card => k; rewrite !inE /above.
have e := D_sum (i := j) (j := i) (k := k); rewrite (D_opp i j) in e.
by case: (D i j) hij e => //= d _; case: (D i k) => [c||] /= e; rewrite (e I).
Qed.

Lemma rank_lt i j : above i j -> (rank j < rank i)%N.
Proof.
rewrite /above => hij; apply: proper_card; apply/properP; split.
  apply/subsetP => k; rewrite !inE /above => hjk.
  have := D_sum (i := i) (j := j) (k := k).
  by case: (D i j) hij => // _; case: (D j k) hjk => //= _ ->.
by exists j; rewrite !inE /above ?D_self //; case: (D i j) hij.
Qed.

(** Finite distances kept, infinite ones at least [K]. *)
Lemma representative K : exists x : T -> R, forall i j,
  (forall d, D i j = Finite d -> x i - x j = d) /\ (D i j = p_infty -> K <= x i - x j).
Proof.
pose c i := real (D i (rep i)).
pose B := Rmax 0 K + 2 * \Sum_i Rabs (c i).
have hB i : Rabs (c i) <= \Sum_i Rabs (c i) by apply: (term_le_sum (f := fun i => Rabs (c i))) => k; exact: Rabs_pos.
exists (fun i => c i + B * INR (rank i)) => i j; split=> [d e|e].
  have hij : closeb i j by rewrite /closeb e.
  rewrite (rank_eq hij); suff: c i = d + c j by lra.
  have := close_rep i; rewrite /c (rep_eq hij) /closeb => hr.
  have := D_sum (i := i) (j := j) (k := rep j); rewrite e.
  have := close_rep j; rewrite /closeb; case: (D j (rep j)) => //= b _ s.
  by rewrite (s I).
have hij : above i j by rewrite /above e.
have hr : INR (rank j) + 1 <= INR (rank i) by rewrite -S_INR; apply: le_INR; apply/leP; exact: rank_lt.
have hB0 : 0 <= B by rewrite /B; have := Rmax_l 0 K; have := hB i; have := Rabs_pos (c i); lra.
have := Rmult_le_compat_l _ _ _ hB0 hr; have := Rmax_r 0 K; have := hB i; have := hB j.
have := Rle_abs (c j); have := Rle_abs (- c i); rewrite Rabs_Ropp /B; lra.
Qed.

(** Not infinitely far below: transitive along paths. *)
Lemma not_below_path (e : rel T) : (forall i j, e i j -> D i j <> m_infty) ->
  forall i j, fingraph.connect e i j -> D i j <> m_infty.
Proof.
move=> he i j /fingraph.connectP [p]; elim: p i => [|k p ih] i /=; first by move=> _ ->; rewrite D_self.
move=> /andP [/he hik /ih hkj] ej; have sum := D_sum (i := i) (j := k) (k := j); have := hkj ej.
case: (D i k) hik sum => [d||] // _; case: (D k j) => [c||] // sum _; by rewrite sum.
Qed.
End Differences.
