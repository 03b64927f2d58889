(** Chapter 7. The projection under hard constraints exists and is one; cycles of any length. *)
From Coq Require Import Reals Lra Psatz FunctionalExtensionality.
From Coquelicot Require Import Coquelicot.
From mathcomp Require Import ssreflect ssrfun ssrbool eqtype ssrnat seq choice fintype bigop path fingraph.
From Formal Require Import definitions sums ch1_rlhf existence pinsker definitions_cpo claims_cpo ch7_hard.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Open Scope R_scope.

(** a <= b as soon as a <= b + C eps for every eps *)
Lemma le_of_small a b C : (forall eps, 0 < eps -> a <= b + C * eps) -> a <= b.
Proof.
move=> h; apply: Rnot_lt_le => lt; have hC : 0 < Rabs C + 1 by have := Rabs_pos C; lra.
have := h ((a - b) / (2 * (Rabs C + 1))) ltac:(apply: div_pos; lra).
have : C * ((a - b) / (2 * (Rabs C + 1))) <= (a - b) / 2.
  have -> : (a - b) / 2 = (Rabs C + 1) * ((a - b) / (2 * (Rabs C + 1))) by field; lra.
  apply: Rmult_le_compat_r; first by apply/Rlt_le/div_pos; lra.
  by have := Rle_abs C; lra.
lra.
Qed.

Section Existence.
Variables (T : finType) (E : rel T) (m : T -> T -> R) (star : T -> R).
Hypothesis star_full : full star.
Notation allowed := (feasible E m).
Notation K := (fun q => KL q star).

(** Two feasible policies with nearly least KL are near one another. *)
Lemma nearly_least_are_near v p q eps : infimum allowed K v -> allowed p -> allowed q ->
  K p < v + eps -> K q < v + eps -> distance p q ^ 2 <= 8 * eps.
Proof.
move=> [low _] hp hq lp lq.
have hz : allowed (mix (/ 2) p q) by apply: mix_feasible => //; lra.
by have := KL_midpoint hp.1 hq.1 star_full; have := low _ hz; lra.
Qed.

(** [K] is lower semicontinuous, from KL(q || g) >= 0 for every g of full support. *)
Lemma KL_at_limit p v : policy p ->
  (forall eps, 0 < eps -> exists q, policy q /\ K q < v + eps /\ forall y, Rabs (q y - p y) < eps) -> K p <= v.
Proof.
move=> hp near.
have key t : 0 < t < 1 -> K p + ln (1 - t) <= v.
  move=> ht; pose g y := (1 - t) * p y + t * star y.
  have gp y : 0 < g y by rewrite /g; have := hp.1 y; have := star_full.1 y; nra.
  have hg : full g by split=> //; rewrite /g sumD !sumZ hp.2 star_full.2; lra.
  pose k y := ln (g y / star y).
  have below q : policy q -> \Sum_y (q y * k y) <= K q.
    move=> hq; suff -> : K q = KL q g + \Sum_y (q y * k y) by have := KL_ge0 hq hg; lra.
    rewrite /KL -sumD; apply: eq_bigr => y _; case: (hq.1 y) => [hy|<-]; last lra.
    by rewrite /k (ln_div hy (star_full.1 y)) (ln_div hy (gp y)) (ln_div (gp y) (star_full.1 y)); lra.
  apply: Rle_trans (_ : \Sum_y (p y * k y) <= _).
    suff: \Sum_y (p y * ln (p y / star y) + ln (1 - t) * p y) <= \Sum_y (p y * k y).
      by rewrite sumD sumZ hp.2; rewrite /KL; lra.
    apply: sum_le => y; case: (hp.1 y) => [hy|<-]; last lra.
    have hs := star_full.1 y.
    have : ln (p y / star y) + ln (1 - t) <= k y; last nra.
    rewrite -ln_mult; [|exact: div_pos|lra]; apply: ln_mono; first by apply: Rmult_lt_0_compat; [exact: div_pos|lra].
    rewrite /g /Rdiv; have : 0 < t * star y * / star y by rewrite Rmult_assoc Rinv_r; lra.
    by have hi : 0 < / star y; [exact: Rinv_0_lt_compat|nra].
  apply: (le_of_small (C := 1 + \Sum_y Rabs (k y))) => eps he.
  have [q [hq [lt close]]] := near eps he; have := below q hq.
  have : \Sum_y (p y * k y) <= \Sum_y (q y * k y + Rabs (k y) * eps).
    apply: sum_le => y; have := close y; have := Rle_abs ((p y - q y) * k y); rewrite Rabs_mult Rabs_minus_sym.
    by have := Rabs_pos (k y); have := Rabs_pos (q y - p y); nra.
  rewrite sumD (_ : \Sum_y (Rabs (k y) * eps) = (\Sum_y Rabs (k y)) * eps); first lra.
  by rewrite Rmult_comm -sumZ; apply: eq_bigr => y _; lra.
apply: (le_of_small (C := 2)) => eps he.
pose t := Rmin (/ 2) eps.
have ht : 0 < t <= / 2 /\ t <= eps.
  by split; [split; [apply: Rmin_glb_lt; lra|exact: Rmin_l]|exact: Rmin_r].
have := key t ltac:(lra); have h1 : 1 - t = / (/ (1 - t)) by field; lra.
rewrite h1 ln_Rinv; last by apply: Rinv_0_lt_compat; lra.
have : ln (/ (1 - t)) <= 2 * t.
  have := exp_ge1x (ln (/ (1 - t))); rewrite exp_ln; last by apply: Rinv_0_lt_compat; lra.
  have : / (1 - t) <= 1 + 2 * t; last lra.
  by apply: (Rmult_le_reg_r (1 - t)); [lra|rewrite Rinv_l; nra].
lra.
Qed.

(** The policies with nearly least KL, as a filter; it is Cauchy in every coordinate. *)
Definition nearly_least v (P : (T -> R) -> Prop) :=
  exists eps, 0 < eps /\ forall q, allowed q -> K q < v + eps -> P q.

Lemma nearly_least_filter v : infimum allowed K v -> ProperFilter (nearly_least v).
Proof.
move=> [_ approach]; split.
  by move=> P [eps [he hP]]; have [q [hq lt]] := approach eps he; exists q; exact: hP.
split; first by exists 1; split=> //; lra.
  move=> P Q [e [he hP]] [d [hd hQ]]; exists (Rmin e d); split; first exact: Rmin_glb_lt.
  by move=> q hq lt; split; [apply: hP|apply: hQ] => //; have := Rmin_l e d; have := Rmin_r e d; lra.
by move=> P Q PQ [e [he hP]]; exists e; split=> // q hq lt; apply: PQ; exact: hP.
Qed.

Lemma limit_of_nearly_least v : infimum allowed K v ->
  exists p : T -> R, forall eps, 0 < eps -> exists q, allowed q /\ K q < v + eps /\ forall y, Rabs (q y - p y) < eps.
Proof.
move=> hv; have GF := nearly_least_filter hv.
pose G y (P : R -> Prop) := nearly_least v (fun q => P (q y)).
exists (fun y => lim (G y)) => eps he.
have near y : nearly_least v (fun q => Rabs (q y - lim (G y)) < eps).
  have PG : ProperFilter (G y) by exact: (filtermap_proper_filter _ _ (fun q : T -> R => q y)).
  have cauchy_G : cauchy (G y).
    move=> d; pose e := d ^ 2 / 16.
    have hd : 0 < d by exact: cond_pos.
    have he' : 0 < e by rewrite /e; nra.
    have [q [hq lt]] := hv.2 e he'; exists (q y); exists e; split=> // p hp ltp.
    have := nearly_least_are_near hv hp hq ltp lt.
    have : Rabs (p y - q y) <= distance p q.
      by apply: (term_le_sum (f := fun y => Rabs (p y - q y))) => z; exact: Rabs_pos.
    rewrite /ball /= /AbsRing_ball /abs /minus /plus /opp /= => h1 h2.
    have h3 := Rabs_pos (p y - q y); have e2 : 8 * e = d ^ 2 / 2 by rewrite /e; field.
    rewrite e2 in h2; change (Rabs (p y - q y) < d); nra.
  exact: (complete_cauchy (G y) PG cauchy_G (mkposreal eps he)).
have all : nearly_least v (fun q => forall y, Rabs (q y - lim (G y)) < eps).
  by apply: filter_all near; exact: filter_filter.
have small : nearly_least v (fun q => allowed q /\ K q < v + eps) by exists eps.
by have [q [[h1 h2] h3]] := filter_ex _ (filter_and _ _ small all); exists q.
Qed.

Theorem projection_exists : (exists q, allowed q) -> exists p, only_minimiser allowed K p.
Proof.
move=> [q0 hq0].
have [v hv] : exists v, infimum allowed K v.
  by apply: (infimum_exists hq0); exists 0 => q hq; exact: KL_ge0 hq.1 star_full.
have [p near] := limit_of_nearly_least hv.
have pp : policy p.
  split=> [y|].
    apply: (le_of_small (C := 1)) => eps /near [q [hq [_ close]]].
    by have := hq.1.1 y; have := close y; move=> /Rabs_def2 [h1 h2]; lra.
  have bound eps : 0 < eps -> Rabs (\Sum_y p y - 1) <= (\big[Rplus/0]_(y : T) 1) * eps.
    move=> /near [q [hq [_ close]]].
    have -> : \Sum_y p y - 1 = \Sum_y (p y - q y) by rewrite sumB hq.1.2.
    rewrite Rmult_comm -sumZ.
    have abs_sum (f : T -> R) : Rabs (\Sum_y f y) <= \Sum_y Rabs (f y).
      apply: (big_ind2 (fun a b => Rabs a <= b)) => [|a b c d h1 h2|y _]; first by rewrite Rabs_R0; lra.
        by have := Rabs_triang a c; lra.
      exact: Rle_refl.
    apply: Rle_trans (abs_sum _) _; apply: sum_le => y; rewrite Rabs_minus_sym.
    by have := close y; rewrite Rmult_1_r; lra.
  have : Rabs (\Sum_y p y - 1) <= 0.
    by apply: (le_of_small (C := \big[Rplus/0]_(y : T) 1)) => eps /bound; rewrite Rplus_0_l.
  by have := Rle_abs (\Sum_y p y - 1); have := Rle_abs (- (\Sum_y p y - 1)); rewrite Rabs_Ropp; lra.
have pf : allowed p.
  split=> // w l ewl; apply: (le_of_small (C := 1 + exp (m w l))) => eps /near [q [hq [_ close]]].
  have := hq.2 w l ewl; have := Rabs_def2 _ _ (close w); have := Rabs_def2 _ _ (close l).
  by have := exp_pos (m w l); nra.
have least : K p <= v.
  by apply: KL_at_limit => // eps /near [q [hq [lt close]]]; exists q; split; [exact: hq.1|].
have best : minimises allowed K p by split=> // q hq; have := hv.1 q hq; lra.
exists p; split=> // q [hq hmin]; apply: functional_extensionality => y.
have := nearly_least_are_near (eps := 0) hv pf hq.
have := hv.1 _ (mix_feasible (t := / 2) ltac:(lra) pf hq); have := KL_midpoint pf.1 hq.1 star_full.
have := hmin p pf; have := distance_nonnegative p q => h1 h2 h3 h4 _.
have d0 : distance p q = 0 by nra.
have := terms_eq0 (f := fun y => Rabs (p y - q y)) (fun z => Rabs_pos _) (Req_le _ _ d0) y.
by move=> e; have := Rle_abs (p y - q y); have := Rle_abs (- (p y - q y)); rewrite Rabs_Ropp e; lra.
Qed.
End Existence.

(** ** An order without cycles can be met at any margins *)

Section Feasible.
Variables (T : finType) (E : rel T) (m : T -> T -> R) (y0 : T).

(** how many responses a response stands above *)
Definition height a := INR #|[pred z | connect E a z]|.

Lemma height_step w l : E w l -> ~~ connect E l w -> height l + 1 <= height w.
Proof.
move=> ewl acyclic; rewrite /height -S_INR; apply: le_INR; apply/leP; apply: proper_card; apply/properP; split.
  by apply/subsetP => z; rewrite !inE; exact: connect_trans (connect1 ewl).
by exists w; rewrite !inE.
Qed.

Lemma acyclic_feasible : (forall w l, E w l -> ~~ connect E l w) -> exists q, feasible E m q.
Proof.
move=> acyclic; pose M := \Sum_a \Sum_b Rabs (m a b).
have hM a b : Rabs (m a b) <= M by apply: (term_le_sum2 (f := fun a b => Rabs (m a b))) => i j; exact: Rabs_pos.
exists (normalised (fun y => exp (M * height y))).
have pos y : 0 < exp (M * height y) by exact: exp_pos.
split=> [|w l ewl]; first exact/full_policy/(normalised_full y0 pos).
rewrite /normalised /Rdiv -Rmult_assoc -exp_plus; apply: Rmult_le_compat_r.
  exact/Rlt_le/Rinv_0_lt_compat/(mass_pos y0 pos).
have M0 : 0 <= M by have := hM w l; have := Rabs_pos (m w l); lra.
have le : m w l + M * height l <= M * height w.
  by have := height_step ewl (acyclic w l ewl); have := hM w l; have := Rle_abs (m w l); nra.
by case: le => [lt|->]; [exact/Rlt_le/exp_increasing|lra].
Qed.

Lemma margin_zero_feasible : (forall w l, E w l -> m w l = 0) -> exists q, feasible E m q.
Proof.
move=> m0; exists (normalised (fun _ => 1)); split=> [|w l /m0 ->]; last by rewrite exp_0 Rmult_1_l; exact: Rle_refl.
by apply/full_policy/(normalised_full y0) => y; lra.
Qed.
End Feasible.

Theorem thm_4_9_hard_proved : thm_4_9_hard.
Proof.
move=> T E m ref r beta href hb order; have hs := star_full r beta href.
have [y0 _] := policy_inhabited (full_policy href).
have [p best] : exists p, only_minimiser (feasible E m) (fun q => KL q (pi_star ref r beta)) p.
  apply: projection_exists hs _.
  by case: order => [/(acyclic_feasible m y0)|/(margin_zero_feasible y0)].
have [[hp least] only] := best.
have objective q : feasible E m q -> J ref r beta q = V ref r beta - beta * KL q (pi_star ref r beta).
  by case=> hq _; exact: J_is_V_less_KL.
exists p; split=> //; split; last exact: hp.2.
split=> [|q [hq max]].
  by split=> // q hq; rewrite !objective //; have := Rmult_le_compat_l _ _ _ (Rlt_le _ _ hb) (least q hq); lra.
apply: only; split=> // z hz; have := max z hz; rewrite !objective // => h1.
by apply: (Rmult_le_reg_l beta) => //; lra.
Qed.
