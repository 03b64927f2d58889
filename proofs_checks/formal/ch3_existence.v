(** Chapter 3, existence without convexity: losses that are monotone or grow at each end, on every graph; losses that
    vanish at one end and grow at the other, as DPO's, exactly where no label joins two blocks. *)
From Coq Require Import Reals Lra Psatz Classical.
From Coquelicot Require Import Coquelicot.
From mathcomp Require Import ssreflect ssrfun ssrbool eqtype ssrnat seq choice fintype bigop path finset fingraph.
From Formal Require Import definitions sums claims limits existence blocks.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Open Scope R_scope.

Section LabelsBoundedBelow.
Variables (T : finType) (n : T -> T -> R) (L : T -> T -> R -> R) (m : R).
Hypotheses (n_ge0 : weights n) (L_low : forall w l x, m <= L w l x).
Notation total := (total n L).

(** Where the whole is small no label is large. *)
Lemma label_le_total w l s : n w l * (L w l (s w - s l) - m) <= total s - m * \Sum_w \Sum_l n w l.
Proof.
rewrite -sum2Z -sum2B.
have e : \Sum_w \Sum_l (n w l * L w l (s w - s l) - m * n w l) = \Sum_w \Sum_l (n w l * (L w l (s w - s l) - m)).
  by apply: eq_sum2 => a b; lra.
rewrite e; apply: (term_le_sum2 (f := fun a b => n a b * (L a b (s a - s b) - m))) => a b.
by apply: Rmult_le_pos; [exact: n_ge0|have := L_low a b (s a - s b); lra].
Qed.

Lemma total_bounded_below : bounded_below anything total.
Proof.
exists (m * \Sum_w \Sum_l n w l) => s _; rewrite -sum2Z; apply: sum2_le => w l.
by rewrite Rmult_comm; apply: Rmult_le_compat_l; [exact: n_ge0|exact: L_low].
Qed.

(** So no label with a growing end goes to that end along a minimising filter. *)
Lemma not_far (G : ((T -> R) -> Prop) -> Prop) (GF : ProperFilter G) v w l :
  0 < n w l -> G (fun s => total s < v + 1) ->
  (forall M, G (fun s => M <= L w l (s w - s l))) -> False.
Proof.
move=> pos near grows; pose W := \Sum_w \Sum_l n w l.
have big := grows ((v + 1 - m * W) / n w l + m).
have [s [lt le]] := filter_ex _ (filter_and _ _ near big).
have := label_le_total w l s; rewrite -/W.
have e : n w l * ((v + 1 - m * W) / n w l) = v + 1 - m * W by field; lra.
by have := Rmult_le_compat_l (n w l) _ _ (Rlt_le _ _ pos) le; lra.
Qed.
End LabelsBoundedBelow.

(** * On every graph *)

Theorem attained_on_every_graph_proved : attained_on_every_graph.
Proof.
move=> T ref n L ref_full n_ge0 hL; apply/(attained_iff n L ref_full).
have [m low] : exists m, forall w l x, m <= L w l x.
  have [M hM] : exists M, forall (wl : T * T) H, M <= H -> forall x, - H <= L wl.1 wl.2 x.
    apply: common_bound => -[w l]; have [_ [[m hm] _]] := hL w l.
    by exists (- m) => H hH x /=; have := hm x; lra.
  by exists (- M) => w l x; apply: (hM (w, l)); lra.
have [v inf_v] := infimum_exists (I : anything (fun _ : T => 0)) (total_bounded_below n_ge0 low).
apply: (attained_at_limit n_ge0 inf_v) => [w l _|D G GF hD near w l pos]; first by have [] := hL w l.
have near1 := near 1 Rlt_0_1; have := hD w l; have [_ [_ [right left]]] := hL w l.
case e : (D w l) => [d||] t; first by exists 0.
- case: right => [grows|[H mono]].
    exfalso; apply: (not_far n_ge0 low GF pos near1) => M; have [H hH] := grows M.
    by apply: filter_imp (tends_up t H) => s lt; apply: hH; lra.
  exists H => x hx eps he; split=> // _.
  by apply: filter_imp (tends_up t x) => s lt; have := mono x (s w - s l); lra.
- case: left => [grows|[H mono]].
    exfalso; apply: (not_far n_ge0 low GF pos near1) => M; have [H hH] := grows M.
    by apply: filter_imp (tends_down t H) => s lt; apply: hH; lra.
  exists (- H) => x hx eps he; split=> // _.
  by apply: filter_imp (tends_down t (- x)) => s lt; have := mono (s w - s l) (- x); lra.
Qed.

(** * Losses that vanish at one end and grow at the other *)

Section VanishingLosses.
Variables (T : finType) (L : T -> T -> R -> R).
Hypotheses (L_continuous : forall w l, continuity (L w l)) (L_pos : forall w l x, 0 < L w l x).
Hypothesis L_vanishes : forall w l eps, 0 < eps -> exists H, forall x, H <= x -> L w l x < eps.
Hypothesis L_grows : forall w l M, exists H, forall x, x <= H -> M <= L w l x.

Lemma L_ge0 w l x : 0 <= L w l x.
Proof. exact/Rlt_le/L_pos. Qed.

(** If a path of labels leads back from every loser to its winner, no difference can run away. *)
Lemma attained_if_labels_return n : weights n -> (forall w l, label n w l -> connect (label n) l w) ->
  exists s, minimises anything (total n L) s.
Proof.
move=> n_ge0 returns.
have [v inf_v] := infimum_exists (I : anything (fun _ : T => 0)) (total_bounded_below n_ge0 L_ge0).
apply: (attained_at_limit n_ge0 inf_v) => [//|D G GF hD near].
have down i j : label n i j -> D i j <> m_infty.
  move=> /labelP pos e; have t := hD i j; rewrite e in t.
  apply: (not_far n_ge0 L_ge0 GF pos (near 1 Rlt_0_1)) => M; have [H hH] := L_grows i j M.
  by apply: filter_imp (tends_down t H) => s lt; apply: hH; lra.
move=> w l /labelP pos; exists 0 => x _ eps he; split=> e; exfalso; last exact: (down w l).
by apply: (not_below_path GF hD down (returns w l pos)); rewrite (D_opp GF hD w l) e.
Qed.

Variable n : T -> T -> R.
Hypothesis n_ge0 : weights n.

Lemma inside_attained : exists s, minimises anything (total (inside n) L) s.
Proof. by apply: attained_if_labels_return; [exact: inside_ge0|move=> w l; exact: inside_returns]. Qed.

Lemma inside_below s : total (inside n) L s <= total n L s.
Proof.
apply: sum2_le => w l; apply: Rmult_le_compat_r; first exact: L_ge0.
by rewrite /inside; case: ifP => _; [lra|exact: n_ge0].
Qed.

Lemma inside_strictly_below s w l : joins_two_blocks n w l -> total (inside n) L s < total n L s.
Proof.
move=> [/labelP pos no]; apply: (sum2_lt (a := w) (b := l)) => [a b|].
  apply: Rmult_le_compat_r; first exact: L_ge0.
  by rewrite /inside; case: ifP => _; [lra|exact: n_ge0].
rewrite /inside (negbTE no) Rmult_0_l; apply: Rmult_lt_0_compat => //; exact: L_pos.
Qed.

(** Far apart, blocks leave only the labels inside them to pay for. *)
Lemma apart s eps : 0 < eps -> exists K, 0 < K /\ forall s',
  (forall w l, same_block n w l -> s' w - s' l = s w - s l) ->
  (forall w l, joins_two_blocks n w l -> s w - s l + K <= s' w - s' l) ->
  total n L s' < total (inside n) L s + eps.
Proof.
move=> he; pose W := \Sum_w \Sum_l n w l; have W0 : 0 <= W by exact: sum2_ge0.
pose e := eps / (W + 1); have e0 : 0 < e by apply: div_pos; lra.
have [K hK] : exists K, forall (wl : T * T) t, K <= t -> forall x, s wl.1 - s wl.2 + t <= x -> L wl.1 wl.2 x < e.
  apply: common_bound => -[w l]; have [H hH] := L_vanishes w l e0.
  by exists (H - (s w - s l)) => t ht x /= hx; apply: hH; lra.
exists (Rmax 1 K); split; first by have := Rmax_l 1 K; lra.
move=> s' same far; have tK := Rmax_r 1 K.
have : total n L s' <= total (inside n) L s + e * W.
  rewrite -sum2Z /total -sum2D; apply: sum2_le => w l; rewrite /inside; case: ifP => [/same ->|/negbT no].
    by have := Rmult_le_pos _ _ (Rlt_le _ _ e0) (n_ge0 w l); lra.
  case: (boolP (label n w l)) => [lab|/(no_label n_ge0) ->]; last lra.
  have small := hK (w, l) _ tK _ (far w l (conj lab no)).
  by have := Rmult_le_compat_l _ _ _ (n_ge0 w l) (Rlt_le _ _ small); rewrite /=; lra.
have : e * (W + 1) = eps by rewrite /e; field; lra.
lra.
Qed.

Lemma infimum_is_inside s : minimises anything (total (inside n) L) s ->
  infimum anything (total n L) (total (inside n) L s).
Proof.
move=> [_ least]; split=> [t _|eps he]; first exact: Rle_trans (least t I) (inside_below t).
have [K [K0 hK]] := apart s he; exists (fun y => s y + K * height n y); split=> //.
apply: hK => w l; first by move=> /height_same ->; lra.
by move=> [lab /(height_falls lab) fall]; have := Rmult_le_compat_l _ _ _ (Rlt_le _ _ K0) fall; lra.
Qed.

Lemma attained_iff_inside : (exists s, minimises anything (total n L) s) <-> forall w l, ~ joins_two_blocks n w l.
Proof.
split=> [[s hs] w l joins|none].
  have [t ht] := inside_attained; have := inside_strictly_below s joins.
  have := infimum_unique (minimum_is_infimum hs) (infimum_is_inside ht).
  by have := ht.2 s I; lra.
by apply: attained_if_labels_return => // w l lab; have /andP [] := (no_joins_iff n).1 none w l lab.
Qed.
End VanishingLosses.

Theorem attained_iff_no_label_joins_blocks_proved : attained_iff_no_label_joins_blocks.
Proof.
move=> T ref n L ref_full n_ge0 hL.
have cont w l : continuity (L w l) by have [] := hL w l.
have pos w l : forall x, 0 < L w l x by have [_ []] := hL w l.
have vanish w l : forall eps, 0 < eps -> exists H, forall x, H <= x -> L w l x < eps by have [_ [_ []]] := hL w l.
have grow w l : forall M, exists H, forall x, x <= H -> M <= L w l x by have [_ [_ []]] := hL w l.
split; last by rewrite (attained_iff n L ref_full); exact: attained_iff_inside.
have [s hs] := inside_attained cont pos grow n_ge0; exists (tilt ref s).
split; first exact: minimises_tilt.
by apply/(infimum_iff n L ref_full); rewrite pair_loss_tilt //; exact: infimum_is_inside.
Qed.
