(** When a loss of differences, [total n L s], the sum of n w l * L w l (s w - s l), attains its minimum over scores,
    and what that says of [pair_loss] over policies. *)
From Coq Require Import Reals Lra Psatz Classical.
From Coquelicot Require Import Coquelicot.
From mathcomp Require Import ssreflect ssrfun ssrbool eqtype ssrnat seq choice fintype bigop finset.
From Formal Require Import definitions sums limits.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Open Scope R_scope.

(** * One bound for finitely many *)

Lemma common_bound (I : finType) (P : I -> R -> Prop) :
  (forall i, exists H, forall x, H <= x -> P i x) -> exists H, forall i x, H <= x -> P i x.
Proof.
move=> hP; suff all (s : seq I) : exists H, forall i x, i \in s -> H <= x -> P i x.
  by have [H hH] := all (enum I); exists H => i x; apply: hH; rewrite mem_enum.
elim: s => [|j s [H hH]]; first by exists 0.
have [K hK] := hP j; exists (Rmax H K) => i x; rewrite in_cons => /orP [/eqP ->|hi] le.
  by apply: hK; have := Rmax_r H K; lra.
by apply: hH => //; have := Rmax_l H K; lra.
Qed.

Lemma least_positive (I : finType) (P : pred I) (g : I -> R) :
  (forall i, P i -> 0 < g i) -> exists m, 0 < m /\ forall i, P i -> m <= g i.
Proof.
move=> hg; suff all (s : seq I) : exists m, 0 < m /\ forall i, i \in s -> P i -> m <= g i.
  by have [m [m0 hm]] := all (enum I); exists m; split=> // i; apply: hm; rewrite mem_enum.
elim: s => [|j s [m [m0 hm]]]; first by exists 1; split; [lra|].
case Pj: (P j); last first.
  exists m; split=> // i; rewrite in_cons => /orP [/eqP ->|]; [by rewrite Pj|exact: hm].
exists (Rmin m (g j)); split; first by apply: Rmin_pos => //; exact: hg.
move=> i; rewrite in_cons => /orP [/eqP ->|hi] Pi; first exact: Rmin_r.
by apply: Rle_trans (hm i hi Pi); exact: Rmin_l.
Qed.

Lemma filter_all (X : Type) (G : (X -> Prop) -> Prop) (GF : Filter G) (I : finType) (P : I -> X -> Prop) :
  (forall i, G (P i)) -> G (fun x => forall i, P i x).
Proof.
move=> hP; suff all (s : seq I) : G (fun x => forall i, i \in s -> P i x).
  by apply: filter_imp (all (enum I)) => x hx i; apply: hx; rewrite mem_enum.
elim: s => [|j s ih]; first exact: filter_forall.
apply: filter_imp (filter_and _ _ (hP j) ih) => x [h1 h2] i.
by rewrite in_cons => /orP [/eqP ->|]; [exact: h1|exact: h2].
Qed.

(** * Infima *)

Section Infima.
Variables (X : Type) (D : X -> Prop) (L : X -> R).

Lemma infimum_exists x0 : D x0 -> bounded_below D L -> exists v, infimum D L v.
Proof.
move=> hx0 [m hm]; pose E v := exists x, D x /\ v = - L x.
have [||v [up least]] := completeness E.
- by exists (- m) => v [x [hx ->]]; have := hm x hx; lra.
- by exists (- L x0), x0.
exists (- v); split=> [x hx|eps he].
  by have /up : E (- L x); [exists x|lra].
apply: NNPP => none; have : v <= v - eps; last lra.
by apply: least => w [x [hx ->]]; apply: Rnot_lt_le => lt; apply: none; exists x; split=> //; lra.
Qed.

Lemma infimum_unique v v' : infimum D L v -> infimum D L v' -> v = v'.
Proof.
have le a b : infimum D L a -> infimum D L b -> a <= b.
  move=> [low _] [_ near]; apply: Rnot_lt_le => lt.
  by have [|x [hx lx]] := near (a - b); [lra|have := low x hx; lra].
by move=> h1 h2; apply: Rle_antisym; exact: le.
Qed.

Lemma minimum_is_infimum x : minimises D L x -> infimum D L (L x).
Proof. by move=> [hx least]; split=> // eps he; exists x; split=> //; lra. Qed.
End Infima.

(** * Losses of differences *)

Section Total.
Variables (T : finType) (n : T -> T -> R) (L : T -> T -> R -> R).
Hypothesis n_ge0 : weights n.
Definition total (s : T -> R) := \Sum_w \Sum_l (n w l * L w l (s w - s l)).

(** A filter that approaches the infimum and along which every difference has an extended limit. *)
Lemma minimising_filter v : infimum anything total v ->
  exists (D : T -> T -> Rbar) G, ProperFilter G /\ (forall i j, tends (fun s => s i - s j) G (D i j)) /\
  forall eps, 0 < eps -> G (fun s => total s < v + eps).
Proof.
move=> [low near]; pose F (P : (T -> R) -> Prop) := exists eps, 0 < eps /\ forall s, total s < v + eps -> P s.
have FF : ProperFilter F.
  split=> [P [eps [/near [s [_ lt]] hP]]|]; first by exists s; exact: hP.
  split; first by exists 1; split; [lra|].
    move=> P Q [e1 [h1 hP]] [e2 [h2 hQ]]; exists (Rmin e1 e2); split; first exact: Rmin_pos.
    by move=> s lt; split; [apply: hP; have := Rmin_l e1 e2|apply: hQ; have := Rmin_r e1 e2]; lra.
  by move=> P Q PQ [eps [he hP]]; exists eps; split=> // s /hP /PQ.
have [D [G [GF [FG hD]]]] := refine FF (fun (ij : T * T) s => s ij.1 - s ij.2).
exists (fun i j => D (i, j)), G; split=> //; split=> [i j|eps he]; first exact (hD (i, j)).
by apply: FG; exists eps.
Qed.

(** The minimum is attained if, far out, no label can gain by being farther out still. *)
Lemma attained_at_limit v : infimum anything total v -> (forall w l, 0 < n w l -> continuity (L w l)) ->
  (forall (D : T -> T -> Rbar) G, ProperFilter G -> (forall i j, tends (fun s => s i - s j) G (D i j)) ->
   (forall eps, 0 < eps -> G (fun s => total s < v + eps)) -> forall w l, 0 < n w l ->
   exists H, forall x, H <= x -> forall eps, 0 < eps ->
     (D w l = p_infty -> G (fun s => L w l x <= L w l (s w - s l) + eps)) /\
     (D w l = m_infty -> G (fun s => L w l (- x) <= L w l (s w - s l) + eps))) ->
  exists s, minimises anything total s.
Proof.
move=> inf_v cont far; have [D [G [GF [hD near]]]] := minimising_filter inf_v.
have [H hH] : exists H, forall (wl : T * T) x, H <= x -> 0 < n wl.1 wl.2 -> forall eps, 0 < eps ->
     (D wl.1 wl.2 = p_infty -> G (fun s => L wl.1 wl.2 x <= L wl.1 wl.2 (s wl.1 - s wl.2) + eps)) /\
     (D wl.1 wl.2 = m_infty -> G (fun s => L wl.1 wl.2 (- x) <= L wl.1 wl.2 (s wl.1 - s wl.2) + eps)).
  apply: common_bound => -[w l] /=; have [pos|zero] := Rlt_le_dec 0 (n w l); last by exists 0 => x _; lra.
  by have [H hH] := far D G GF hD near w l pos; exists H => x hx _; exact: hH.
have [x hx] := representative GF hD H.
have label_near eps wl : 0 < eps -> G (fun s =>
    n wl.1 wl.2 * L wl.1 wl.2 (x wl.1 - x wl.2) <= n wl.1 wl.2 * L wl.1 wl.2 (s wl.1 - s wl.2) + n wl.1 wl.2 * eps).
  case: wl => w l he /=; case: (n_ge0 w l) => [pos|<-]; last by apply: filter_forall => s; lra.
  suff k : G (fun s => L w l (x w - x l) <= L w l (s w - s l) + eps).
    by apply: filter_imp k => s k; have := Rmult_le_compat_l _ _ _ (Rlt_le _ _ pos) k; lra.
  have [fin inf] := hx w l; case e: (D w l) => [d||].
  - rewrite (fin d e); have /continuity_pt_locally c := cont w l pos d.
    have := hD w l; rewrite e => t.
    have k : G (fun s => Rabs (L w l (s w - s l) - L w l d) < eps) := t _ (c (mkposreal _ he)).
    by apply: filter_imp k => s /Rabs_def2; lra.
  - exact: (proj1 (hH (w, l) _ (inf e) pos _ he)).
  - have eo : D l w = p_infty by rewrite (D_opp GF hD w l) e.
    have := proj2 (hx l w) eo => inf'; have -> : x w - x l = - (x l - x w) by lra.
    exact: (proj2 (hH (w, l) _ inf' pos _ he)).
pose W := \Sum_w \Sum_l n w l; have W0 : 0 <= W by exact: sum2_ge0.
exists x; split=> // y _; apply: Rle_trans (inf_v.1 y I); apply: Rnot_lt_le => lt.
pose eps := (total x - v) / (W + 1); have he : 0 < eps by apply: div_pos; lra.
have [s [hs lts]] := filter_ex _ (filter_and _ _ (filter_all _ (fun wl => label_near eps wl he)) (near _ he)).
have : total x <= total s + W * eps.
  rewrite Rmult_comm -sum2Z /total -sum2D; apply: sum2_le => w l.
  by have := hs (w, l); rewrite /=; lra.
have : eps * (W + 1) = total x - v by rewrite /eps; field; lra.
lra.
Qed.
End Total.

(** ** Strict convexity leaves no freedom on a label *)

Lemma unique_on_labels (T : finType) (n : T -> T -> R) (L : T -> T -> R -> R) : weights n ->
  (forall w l x y, x <> y -> 2 * L w l ((x + y) / 2) < L w l x + L w l y) ->
  forall s t, minimises anything (total n L) s -> minimises anything (total n L) t ->
  forall w l, 0 < n w l -> s w - s l = t w - t l.
Proof.
move=> n_ge0 convex s t [_ hs] [_ ht] w l pos; apply: NNPP => ne.
pose u y := (s y + t y) / 2.
have mid w' l' : u w' - u l' = ((s w' - s l') + (t w' - t l')) / 2 by rewrite /u; lra.
have : 2 * total n L u < total n L s + total n L t; last by have := hs u I; have := ht s I; have := ht u I; lra.
rewrite /total -sum2Z -sum2D; apply: (sum2_lt (a := w) (b := l)) => [w' l'|].
  rewrite mid; case: (Req_dec (s w' - s l') (t w' - t l')) => [->|/(convex w' l') k].
    have -> : (t w' - t l' + (t w' - t l')) / 2 = t w' - t l' by field.
    lra.
  by have := Rmult_le_compat_l _ _ _ (n_ge0 w' l') (Rlt_le _ _ k); lra.
by rewrite mid; have := Rmult_lt_compat_l _ _ _ pos (convex w l _ _ ne); lra.
Qed.

(** * From scores to policies *)

Section Policies.
Variables (T : finType) (ref : T -> R) (n : T -> T -> R) (L : T -> T -> R -> R).
Hypothesis ref_full : full ref.
Definition log_ratio (p : T -> R) y := ln (p y / ref y).

Lemma total_log_ratio p : full p -> pair_loss ref n L p = total n L (log_ratio p).
Proof. by move=> hp; apply: eq_sum2 => w l; rewrite (h_log_ratio ref_full). Qed.

Lemma pair_loss_tilt s : pair_loss ref n L (tilt ref s) = total n L s.
Proof. by apply: eq_sum2 => w l; rewrite h_tilt. Qed.

Lemma minimises_tilt s : minimises anything (total n L) s -> minimises full (pair_loss ref n L) (tilt ref s).
Proof.
move=> [_ least]; split; first exact: tilt_full.
by move=> q hq; rewrite pair_loss_tilt total_log_ratio //; exact: least.
Qed.

Lemma minimises_log_ratio p : minimises full (pair_loss ref n L) p -> minimises anything (total n L) (log_ratio p).
Proof.
move=> [hp least]; split=> // s _; rewrite -total_log_ratio // -pair_loss_tilt.
by apply: least; exact: tilt_full.
Qed.

Lemma attained_iff : (exists p, minimises full (pair_loss ref n L) p) <-> exists s, minimises anything (total n L) s.
Proof.
by split=> [[p /minimises_log_ratio hp]|[s /minimises_tilt hs]]; [exists (log_ratio p)|exists (tilt ref s)].
Qed.

Lemma bounded_below_iff : bounded_below full (pair_loss ref n L) <-> bounded_below anything (total n L).
Proof.
split=> -[m hm]; exists m; last by move=> p hp; rewrite total_log_ratio //; exact: hm.
by move=> s _; rewrite -pair_loss_tilt; apply: hm; exact: tilt_full.
Qed.

Lemma infimum_iff v : infimum full (pair_loss ref n L) v <-> infimum anything (total n L) v.
Proof.
split=> -[low near]; split.
- by move=> s _; rewrite -pair_loss_tilt; apply: low; exact: tilt_full.
- by move=> eps /near [p [hp lt]]; exists (log_ratio p); rewrite -total_log_ratio.
- by move=> p hp; rewrite total_log_ratio //; exact: low.
- by move=> eps /near [s [_ lt]]; exists (tilt ref s); rewrite pair_loss_tilt; split=> //; exact: tilt_full.
Qed.

(** Strictly convex losses: two minimisers agree on every label. *)
Lemma h_unique : weights n -> (forall w l x y, x <> y -> 2 * L w l ((x + y) / 2) < L w l x + L w l y) ->
  forall p q, minimises full (pair_loss ref n L) p -> minimises full (pair_loss ref n L) q ->
  forall w l, 0 < n w l -> h ref p w l = h ref q w l.
Proof.
move=> n_ge0 convex p q hp hq w l pos; rewrite (h_log_ratio ref_full w l hp.1) (h_log_ratio ref_full w l hq.1).
exact: (unique_on_labels n_ge0 convex (minimises_log_ratio hp) (minimises_log_ratio hq)).
Qed.
End Policies.
