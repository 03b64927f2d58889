(** Chapter 3, corollaries: DPO and rDPO by cuts, cDPO and IPO on every graph, all strictly convex. *)
From Coq Require Import Reals Lra Psatz.
From mathcomp Require Import ssreflect ssrfun ssrbool eqtype ssrnat seq choice fintype bigop finset.
From Formal Require Import definitions sums softplus existence claims ch3_existence ch3_cuts.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Open Scope R_scope.

(** * The losses sp(-beta x) + c beta x: DPO has c = 0, cDPO c = eps, rDPO c = - eps / (1 - 2 eps) *)

Section Tilted.
Variables (beta c : R).
Hypothesis beta_pos : 0 < beta.
Definition tilted_sp x := sp (- (beta * x)) + c * beta * x.

Lemma beta_times x : 0 < x -> 0 < beta * x.
Proof. exact: Rmult_lt_0_compat. Qed.

Lemma tilted_above_asymptotes x : c * beta * Rmax 0 x + (1 - c) * beta * Rmax 0 (- x) - 0 <= tilted_sp x.
Proof.
rewrite /tilted_sp; have [x0|x0] := Rle_lt_dec 0 x.
  by rewrite Rmax_right // Rmax_left; have := sp_pos (- (beta * x)); lra.
by rewrite Rmax_left ?Rmax_right; have := sp_gt (- (beta * x)); lra.
Qed.

Lemma tilted_below_slopes x t : 0 < t ->
  tilted_sp (x + t) < tilted_sp x + c * beta * t /\ tilted_sp (x - t) < tilted_sp x + (1 - c) * beta * t.
Proof.
move=> t0; have bt := beta_times t0; rewrite /tilted_sp; split.
  by have := @sp_lt (- (beta * (x + t))) (- (beta * x)); lra.
have := sp_climbs_less (- (beta * x)) bt.
by rewrite (_ : - (beta * x) + beta * t = - (beta * (x - t))); lra.
Qed.

Lemma tilted_convex x y : x <> y -> 2 * tilted_sp ((x + y) / 2) < tilted_sp x + tilted_sp y.
Proof.
move=> ne; have : - (beta * x) <> - (beta * y) by move=> e; apply: ne; apply: (Rmult_eq_reg_l beta); lra.
move=> /sp_midpoint; rewrite /tilted_sp.
by rewrite (_ : (- (beta * x) + - (beta * y)) / 2 = - (beta * ((x + y) / 2))); lra.
Qed.

Variables (T : finType) (ref : T -> R) (n : T -> T -> R).
Hypotheses (ref_full : full ref) (n_ge0 : weights n).
Notation loss := (pair_loss ref n (fun _ _ => tilted_sp)).

Lemma tilted_cut S : cut (fun _ _ => c * beta) (fun _ _ => (1 - c) * beta) n S =
  beta * (c * won_by S n + (1 - c) * lost_by S n).
Proof.
have scale (A : {set T}) k : won_by A (fun w l => n w l * k) = k * won_by A n.
  by rewrite /won_by -sum2Z; apply: eq_sum2 => w l; case: ifP => _; lra.
by rewrite /cut /lost_by !scale; lra.
Qed.

Lemma tilted_existence :
  (bounded_below full loss <-> forall S, 0 <= c * won_by S n + (1 - c) * lost_by S n) /\
  ((exists p, minimises full loss p) <-> forall S, crossed n S -> 0 < c * won_by S n + (1 - c) * lost_by S n).
Proof.
have [bounded attained] := existence_by_cuts_proved ref_full n_ge0
  (fun _ _ => tilted_above_asymptotes) (fun _ _ x t => tilted_below_slopes x (t := t)).
split.
  rewrite bounded; split=> cuts S; have := cuts S; rewrite tilted_cut => le; last by apply: Rmult_le_pos; lra.
  by apply: (Rmult_le_reg_l beta) => //; lra.
rewrite attained; split=> cuts S cross; have := cuts S cross; rewrite tilted_cut => lt; last exact: Rmult_lt_0_compat.
by apply: (Rmult_lt_reg_l beta) => //; lra.
Qed.

Lemma tilted_unique p q : minimises full loss p -> minimises full loss q ->
  forall w l, 0 < n w l -> h ref p w l = h ref q w l.
Proof. by apply: h_unique => // w l; exact: tilted_convex. Qed.
End Tilted.

Lemma won_by_ge0 (T : finType) (n : T -> T -> R) S : weights n -> 0 <= won_by S n.
Proof. by move=> n_ge0; apply: sum2_ge0 => w l; case: ifP => _; [exact: n_ge0|lra]. Qed.

(** A crossed cut has weight. *)
Lemma crossed_pos (T : finType) (n : T -> T -> R) S : weights n -> crossed n S -> 0 < won_by S n + lost_by S n.
Proof.
move=> n_ge0 [w [l [pos ne]]]; rewrite /lost_by /won_by -sum2D.
apply: (sum2_gt0 (a := w) (b := l)) => [i j|].
  by have := n_ge0 i j; rewrite !inE; case: (i \in S); case: (j \in S) => /=; lra.
by move: ne; rewrite !inE; case: (w \in S); case: (l \in S) => //=; lra.
Qed.

Lemma pair_loss_ext (T : finType) (ref : T -> R) n (L L' : T -> T -> R -> R) :
  (forall w l x, L w l x = L' w l x) -> forall p, pair_loss ref n L p = pair_loss ref n L' p.
Proof. by move=> e p; apply: eq_sum2 => w l; rewrite e. Qed.

Section SameLoss.
Variables (X : Type) (D : X -> Prop) (L L' : X -> R).
Hypothesis same : forall x, L x = L' x.

Lemma minimises_ext x : minimises D L x <-> minimises D L' x.
Proof. by split=> -[hx least]; split=> // y /least; rewrite !same. Qed.

Lemma attained_ext : (exists x, minimises D L x) <-> exists x, minimises D L' x.
Proof. by split=> -[x /minimises_ext hx]; exists x. Qed.

Lemma bounded_below_ext : bounded_below D L <-> bounded_below D L'.
Proof. by split=> -[m hm]; exists m => x /hm; rewrite same. Qed.
End SameLoss.

Theorem dpo_existence_by_cuts_proved : dpo_existence_by_cuts.
Proof.
move=> T ref beta n ref_full hb n_ge0; have [_ attained] := tilted_existence 0 hb ref_full n_ge0.
have same p : dpo_loss ref beta n p = pair_loss ref n (fun _ _ => tilted_sp beta 0) p.
  by apply: eq_sum2 => w l; rewrite /tilted_sp; lra.
rewrite (attained_ext _ same) attained.
by split=> cuts S cross; have := cuts S cross; lra.
Qed.

Theorem rdpo_existence_proved : rdpo_existence.
Proof.
move=> T ref beta eps n ref_full hb he n_ge0 loss; pose c := - eps / (1 - 2 * eps).
have same p : loss p = pair_loss ref n (fun _ _ => tilted_sp beta c) p.
  by apply: pair_loss_ext => w l x; rewrite /tilted_sp /c (sp_odd (beta * x)); field; lra.
have [bounded attained] := tilted_existence c hb ref_full n_ge0.
have ic : 0 < / (1 - 2 * eps) by apply: Rinv_0_lt_compat; lra.
have scaled S : (1 - eps) * lost_by S n - eps * won_by S n = (1 - 2 * eps) * (c * won_by S n + (1 - c) * lost_by S n).
  by rewrite /c; field; lra.
split; [|split].
- rewrite (bounded_below_ext _ same) bounded; split=> cuts S; have := cuts S; have := scaled S.
    by move=> e /(Rmult_le_pos (1 - 2 * eps)); lra.
  by move=> e le; apply: (Rmult_le_reg_l (1 - 2 * eps)); lra.
- rewrite (attained_ext _ same) attained; split=> cuts S cross; have := cuts S cross; have := scaled S.
    by move=> e /(Rmult_lt_0_compat (1 - 2 * eps)); lra.
  by move=> e le; apply: (Rmult_lt_reg_l (1 - 2 * eps)); lra.
by move=> p q /(minimises_ext _ same) hp /(minimises_ext _ same); exact: (tilted_unique hb ref_full n_ge0 hp).
Qed.

Theorem cdpo_existence_proved : cdpo_existence.
Proof.
move=> T ref beta eps n ref_full hb he n_ge0 loss.
have same p : loss p = pair_loss ref n (fun _ _ => tilted_sp beta eps) p.
  by apply: pair_loss_ext => w l x; rewrite /tilted_sp (sp_odd (beta * x)); lra.
split; last first.
  by move=> p q /(minimises_ext _ same) hp /(minimises_ext _ same); exact: (tilted_unique hb ref_full n_ge0 hp).
have [_ attained] := tilted_existence eps hb ref_full n_ge0.
apply/(attained_ext _ same)/attained => S /(crossed_pos n_ge0) pos.
have := won_by_ge0 S n_ge0; have := won_by_ge0 (~: S) n_ge0; rewrite -/(lost_by S n) => l0 w0.
have := Rmult_le_pos eps (won_by S n); have := Rmult_le_pos (1 - eps) (lost_by S n).
case: (Rle_lt_dec (won_by S n) 0) => [z|/(Rmult_lt_0_compat eps)]; last lra.
by have := Rmult_lt_0_compat (1 - eps) (lost_by S n); lra.
Qed.

Theorem ipo_existence_proved : ipo_existence.
Proof.
move=> T ref tau n ref_full ht n_ge0 loss; pose k := / (2 * tau); split; last first.
  move=> p q hp hq; apply: (h_unique ref_full n_ge0 _ hp hq) => w l x y ne.
  by have := Rsqr_pos_lt _ (Rminus_eq_contra _ _ ne); rewrite /Rsqr; nra.
apply: attained_on_every_graph_proved => // w l; split.
  by move=> x; apply: derivable_continuous_pt; reg.
split; first by exists 0 => x; exact: pow2_ge_0.
have big u M : 1 + Rabs M <= u \/ u <= - (1 + Rabs M) -> M <= u ^ 2.
  by move=> hu; have := Rle_abs M; have := Rabs_pos M; case: hu; nra.
split; left => M; rewrite -/k.
  by exists (k + (1 + Rabs M)) => x hx; apply: big; left; lra.
by exists (k - (1 + Rabs M)) => x hx; apply: big; right; lra.
Qed.
