(** Chapter 3, the cut theorem: losses whose labels have a slope at each end are bounded below iff no cut is negative,
    and attain their minimum iff every crossed cut is positive. DPO, cDPO, rDPO and IPO follow. *)
From Coq Require Import Reals Lra Psatz Classical.
From Coquelicot Require Import Coquelicot.
From mathcomp Require Import ssreflect ssrfun ssrbool eqtype ssrnat seq choice fintype bigop finset.
From Formal Require Import definitions sums softplus limits existence claims ch3_existence.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Open Scope R_scope.

(** * What scores cost far out, [recession], is a sum of cuts: one for each level set *)

Section Recession.
Variables (T : finType) (n a b : T -> T -> R).
Hypothesis n_ge0 : weights n.
Definition recession (s : T -> R) :=
  \Sum_w \Sum_l (n w l * (a w l * Rmax 0 (s w - s l) + b w l * Rmax 0 (- (s w - s l)))).

Lemma cut_terms S : cut a b n S = \Sum_w \Sum_l (n w l *
  (if (w \in S) && (l \notin S) then a w l else if (l \in S) && (w \notin S) then b w l else 0)).
Proof.
rewrite /cut /lost_by /won_by -sum2D; apply: eq_sum2 => w l; rewrite !inE.
by case: (w \in S); case: (l \in S) => /=; lra.
Qed.

Lemma cut_uncrossed S : ~ crossed n S -> cut a b n S = 0.
Proof.
move=> no; rewrite cut_terms; apply: big1 => w _; apply: big1 => l _.
case: (n_ge0 w l) => [pos|<-]; last by lra.
case: (boolP ((w \in S) == (l \in S))) => [/eqP ->|ne]; last by case: no; exists w, l.
by case: (l \in S) => /=; lra.
Qed.

(** Raising the responses of [S], all above the others already, by [g] costs [g] times the cut. *)
Lemma recession_raise (S : {set T}) s g : 0 <= g -> (forall i j, i \in S -> j \notin S -> s j <= s i) ->
  recession (fun y => s y + (if y \in S then g else 0)) = recession s + g * cut a b n S.
Proof.
move=> g0 sep; rewrite cut_terms /recession -sum2Z -sum2D; apply: eq_sum2 => w l.
have shift u v : 0 <= v -> u = v + g -> Rmax 0 u = Rmax 0 v + g /\ Rmax 0 (- u) = Rmax 0 (- v).
  move=> v0 ->; rewrite (Rmax_right 0 v v0) (Rmax_right 0 (v + g)) ?(Rmax_left 0 (- v)) ?(Rmax_left 0 (- (v + g))); lra.
case wS : (w \in S); case lS : (l \in S) => /=.
- by rewrite (_ : s w + g - (s l + g) = s w - s l); lra.
- have le := sep w l wS (negbT lS).
  have [||-> ->] := shift (s w + g - (s l + 0)) (s w - s l); lra.
- have le := sep l w lS (negbT wS).
  have [||e1 e2] := shift (- (s w + 0 - (s l + g))) (- (s w - s l)); try lra.
  by rewrite !Ropp_involutive in e2; rewrite e1 e2; lra.
- by rewrite (_ : s w + 0 - (s l + 0) = s w - s l); lra.
Qed.

Hypothesis cuts_ge0 : forall S, 0 <= cut a b n S.

Definition above_least (s : T -> R) := [set i | [exists j, if Rlt_dec (s j) (s i) then true else false]].

Lemma above_leastP s i : reflect (exists j, s j < s i) (i \in above_least s).
Proof. by rewrite inE; apply: (iffP existsP) => -[j hj]; exists j; move: hj; case: Rlt_dec. Qed.

Lemma least_element (P : pred T) (s : T -> R) i0 : P i0 -> exists i, P i /\ forall j, P j -> s i <= s j.
Proof.
move=> Pi0; suff all (l : seq T) : exists i, P i /\ forall j, j \in l -> P j -> s i <= s j.
  by have [i [Pi hi]] := all (enum T); exists i; split=> // j; apply: (hi j); rewrite mem_enum.
elim: l => [|k l [i [Pi hi]]]; first by exists i0.
case Pk : (P k); last first.
  by exists i; split=> // j; rewrite in_cons => /orP [/eqP ->|]; [rewrite Pk|exact: hi].
have [le|lt] := Rle_lt_dec (s i) (s k).
  by exists i; split=> // j; rewrite in_cons => /orP [/eqP ->|] //; exact: hi.
exists k; split=> // j; rewrite in_cons => /orP [/eqP -> _|hj Pj]; first lra.
by have := hi j hj Pj; lra.
Qed.

(** A price [c] for every cut between i and j bounds their distance. *)
Lemma recession_bound c i j : 0 <= c -> (forall S : {set T}, (i \in S) != (j \in S) -> c <= cut a b n S) ->
  forall s, c * Rabs (s i - s j) <= recession s.
Proof.
move=> c0 price s; have [k] := ubnP #|above_least s|; elim: k s => // k ih s size.
case: (set_0Vmem (above_least s)) => [none|[i0 hi0]].
  have flat u v : s u = s v.
    have le x y : s x <= s y.
      apply: Rnot_lt_le => lt; have : x \in above_least s by apply/above_leastP; exists y.
      by rewrite none inE.
    exact: Rle_antisym.
  rewrite (flat i j) Rminus_eq_0 Rabs_R0 Rmult_0_r /recession big1; first lra.
  by move=> w _; apply: big1 => l _; rewrite (flat w l) Rminus_eq_0 Ropp_0 Rmax_left; lra.
have [t [ht tmin]] := least_element s hi0; have [m [_ mmin]] := least_element (P := xpredT) s (isT : xpredT i0).
pose S := above_least s; pose g := s t - s m.
have g0 : 0 < g by have /above_leastP [x hx] := ht; have := mmin x isT; rewrite /g; lra.
have outside y : y \notin S -> s y = s m.
  move=> no; apply: Rle_antisym; last exact: mmin.
  by apply: Rnot_lt_le => lt; move/negP: no; apply; apply/above_leastP; exists m.
pose s' y := if y \in S then s y - g else s y.
have eq_s y : s y = s' y + (if y \in S then g else 0) by rewrite /s'; case: (y \in S); lra.
have low y : s m <= s' y.
  by rewrite /s'; case yS : (y \in S); [have := tmin y yS; rewrite /g; lra|exact: mmin].
have sep x y : x \in S -> y \notin S -> s' y <= s' x.
  by move=> _ no; rewrite {1}/s' (negbTE no) (outside y no); exact: low.
have smaller : (#|above_least s'| < k)%N.
  apply: leq_trans (_ : #|above_least s| <= k)%N; last by rewrite -ltnS.
  apply: proper_card; apply/properP; split.
    apply/subsetP => x /above_leastP [y lt]; apply: contraT => no.
    by move: lt; rewrite {2}/s' (negbTE no) (outside x no); have := low y; lra.
  have st : s' t = s m by rewrite /s' -/S (_ : t \in S) // /g; lra.
  by exists t => //; apply/above_leastP => -[y]; have := low y; lra.
have -> : recession s = recession s' + g * cut a b n S.
  rewrite -(recession_raise (Rlt_le _ _ g0) sep); apply: eq_sum2 => w l.
  by rewrite -!eq_s.
have := ih s' smaller; have cS := cuts_ge0 S; have gS := Rmult_le_pos _ _ (Rlt_le _ _ g0) cS.
rewrite (eq_s i) (eq_s j); case: (boolP ((i \in S) == (j \in S))) => [/eqP ->|ne].
  by case: (j \in S) => le; rewrite (_ : s' i + _ - _ = s' i - s' j); lra.
have := Rmult_le_compat_l _ _ _ (Rlt_le _ _ g0) (price S ne).
have tri u v : Rabs (u + v) <= Rabs u + Rabs v := Rabs_triang u v.
have absg : Rabs g = g by apply: Rabs_right; lra.
move: ne; case iS : (i \in S); case jS : (j \in S) => //= _ h1 h2.
  have := Rmult_le_compat_l _ _ _ c0 (tri (s' i - s' j) g); rewrite absg.
  by rewrite (_ : s' i + g - (s' j + 0) = s' i - s' j + g); lra.
have := Rmult_le_compat_l _ _ _ c0 (tri (s' i - s' j) (- g)); rewrite Rabs_Ropp absg.
by rewrite (_ : s' i + 0 - (s' j + g) = s' i - s' j + - g); lra.
Qed.

Lemma recession_ge0 (y0 : T) s : 0 <= recession s.
Proof. by have := @recession_bound 0 y0 y0 (Rle_refl 0) _ s; rewrite Rmult_0_l; apply=> S; rewrite eqxx. Qed.
End Recession.

(** * The cut theorem, over scores *)

Section CutTheorem.
Variables (T : finType) (y0 : T) (n : T -> T -> R) (L : T -> T -> R -> R) (a b : T -> T -> R) (C : R).
Hypothesis n_ge0 : weights n.
Hypothesis above_asymptotes : forall w l x, a w l * Rmax 0 x + b w l * Rmax 0 (- x) - C <= L w l x.
Hypothesis below_slopes : forall w l x t, 0 < t ->
  L w l (x + t) < L w l x + a w l * t /\ L w l (x - t) < L w l x + b w l * t.
Notation total := (total n L).
Notation cut := (cut a b n).

Lemma slopes_continuous w l : continuity (L w l).
Proof.
move=> x; apply/continuity_pt_locally => eps; pose c := Rmax (Rabs (a w l)) (Rabs (b w l)) + 1.
have c0 : 0 < c by have := Rmax_l (Rabs (a w l)) (Rabs (b w l)); have := Rabs_pos (a w l); rewrite /c; lra.
have ac : a w l <= c by have := Rmax_l (Rabs (a w l)) (Rabs (b w l)); have := Rle_abs (a w l); rewrite /c; lra.
have bc : b w l <= c by have := Rmax_r (Rabs (a w l)) (Rabs (b w l)); have := Rle_abs (b w l); rewrite /c; lra.
have d0 : 0 < eps / c by apply: div_pos => //; exact: cond_pos.
exists (mkposreal _ d0) => y /Rabs_def2 /=; rewrite /minus /plus /opp /= => hy.
have lip u t : 0 < t -> t < eps / c -> Rabs (L w l (u + t) - L w l u) < eps.
  move=> t0 te; have [up _] := below_slopes w l u t0; have [_ down] := below_slopes w l (u + t) t0.
  rewrite (_ : u + t - t = u) in down; last lra.
  have := Rmult_le_compat_r t _ _ (Rlt_le _ _ t0) ac; have := Rmult_le_compat_r t _ _ (Rlt_le _ _ t0) bc.
  have := Rmult_lt_compat_l c _ _ c0 te; rewrite (_ : c * (eps / c) = eps); last by field; lra.
  by move=> *; apply: Rabs_def1; lra.
case: (Rtotal_order x y) => [lt|[->|gt]].
- by have := lip x (y - x); rewrite (_ : x + (y - x) = y); lra.
- by rewrite Rminus_eq_0 Rabs_R0; exact: cond_pos.
- by have := lip y (x - y); rewrite (_ : y + (x - y) = x) 1?Rabs_minus_sym; lra.
Qed.

Lemma total_above_recession s : recession n a b s - C * (\Sum_w \Sum_l n w l) <= total s.
Proof.
rewrite -sum2Z /recession -sum2B; apply: sum2_le => w l.
by have := Rmult_le_compat_l _ _ _ (n_ge0 w l) (above_asymptotes w l (s w - s l)); lra.
Qed.

(** Raising a set costs at most the cut, and less where a label crosses. *)
Lemma raise (S : {set T}) s t : 0 < t ->
  total (fun y => s y + (if y \in S then t else 0)) <= total s + t * cut S /\
  (crossed n S -> total (fun y => s y + (if y \in S then t else 0)) < total s + t * cut S).
Proof.
move=> t0; rewrite cut_terms -sum2Z /total -sum2D.
have term w l : L w l (s w + (if w \in S then t else 0) - (s l + (if l \in S then t else 0))) <= L w l (s w - s l) +
    t * (if (w \in S) && (l \notin S) then a w l else if (l \in S) && (w \notin S) then b w l else 0) /\
   ((w \in S) != (l \in S) -> L w l (s w + (if w \in S then t else 0) - (s l + (if l \in S then t else 0)))
    < L w l (s w - s l) +
    t * (if (w \in S) && (l \notin S) then a w l else if (l \in S) && (w \notin S) then b w l else 0)).
  have [up down] := below_slopes w l (s w - s l) t0.
  case: (w \in S); case: (l \in S) => /=.
  - by rewrite (_ : s w + t - (s l + t) = s w - s l); [split=> //; lra|lra].
  - by rewrite (_ : s w + t - (s l + 0) = s w - s l + t); [split=> //; lra|lra].
  - by rewrite (_ : s w + 0 - (s l + t) = s w - s l - t); [split=> //; lra|lra].
  - by rewrite (_ : s w + 0 - (s l + 0) = s w - s l); [split=> //; lra|lra].
have weak w l := Rmult_le_compat_l _ _ _ (n_ge0 w l) (proj1 (term w l)).
split=> [|[w [l [pos cross]]]]; first by apply: sum2_le => w l; have := weak w l; lra.
apply: (sum2_lt (a := w) (b := l)) => [w' l'|]; first by have := weak w' l'; lra.
by have := Rmult_lt_compat_l _ _ _ pos (proj2 (term w l) cross); lra.
Qed.

Lemma bounded_iff_cuts : bounded_below anything total <-> forall S, 0 <= cut S.
Proof.
split=> [[m hm] S|cuts]; last first.
  exists (- (C * \Sum_w \Sum_l n w l)) => s _; have := total_above_recession s.
  by have := recession_ge0 cuts y0 s; lra.
apply: Rnot_lt_le => neg; pose t := Rmax 0 ((total (fun=> 0) - m) / - cut S) + 1.
have t0 : 0 < t by have := Rmax_l 0 ((total (fun=> 0) - m) / - cut S); rewrite /t; lra.
have [le _] := raise S (fun=> 0) t0; have := hm (fun y => 0 + (if y \in S then t else 0)) I.
have big : (total (fun=> 0) - m) / - cut S + 1 <= t.
  by have := Rmax_r 0 ((total (fun=> 0) - m) / - cut S); rewrite /t; lra.
have := Rmult_le_compat_l (- cut S) _ _ _ big; rewrite Rmult_plus_distr_l.
by rewrite (_ : - cut S * ((total (fun=> 0) - m) / - cut S) = total (fun=> 0) - m); [lra|field; lra].
Qed.

Lemma attained_iff_cuts : (exists s, minimises anything total s) <-> forall S, crossed n S -> 0 < cut S.
Proof.
split=> [[s [_ least]] S cross|pos].
  apply: Rnot_le_lt => le; have [_ /(_ cross) lt] := raise S s Rlt_0_1.
  by have := least (fun y => s y + (if y \in S then 1 else 0)) I; lra.
have cuts S : 0 <= cut S.
  by case: (classic (crossed n S)) => [/pos|no]; [lra|rewrite cut_uncrossed //; lra].
have [v inf_v] := infimum_exists (I : anything (fun _ : T => 0)) (bounded_iff_cuts.2 cuts).
apply: (attained_at_limit n_ge0 inf_v) => [w l _|D G GF hD near w l hwl]; first exact: slopes_continuous.
have [c [c0 price]] : exists c, 0 < c /\ forall S : {set T}, (w \in S) != (l \in S) -> c <= cut S.
  by apply: least_positive => S cross; apply: pos; exists w, l.
pose B := (v + 1 + C * \Sum_w \Sum_l n w l) / c.
have bounded : G (fun s => Rabs (s w - s l) <= B).
  apply: filter_imp (near 1 Rlt_0_1) => s lt; apply: (Rmult_le_reg_l c) => //.
  have -> : c * B = v + 1 + C * \Sum_w \Sum_l n w l by rewrite /B; field; lra.
  have := recession_bound cuts (Rlt_le _ _ c0) price s; have := total_above_recession s; lra.
exists 0 => x _ eps he; split=> e; exfalso; have t := hD w l; rewrite e in t.
  have [s [le lt]] := filter_ex _ (filter_and _ _ bounded (tends_up t B)).
  by have := Rle_abs (s w - s l); lra.
have [s [le lt]] := filter_ex _ (filter_and _ _ bounded (tends_down t (- B))).
by have := Rle_abs (- (s w - s l)); rewrite Rabs_Ropp; lra.
Qed.
End CutTheorem.

Theorem existence_by_cuts_proved : existence_by_cuts.
Proof.
move=> T ref n L a b C ref_full n_ge0 above below.
have [y0 _] := policy_inhabited (full_policy ref_full).
rewrite (bounded_below_iff n L ref_full) (attained_iff n L ref_full).
by split; [exact: (bounded_iff_cuts y0)|exact: (attained_iff_cuts y0)].
Qed.
