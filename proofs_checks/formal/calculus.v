(** What the chapters need of calculus: monotone by the sign of the derivative, second-order conditions, sums. *)
From Coq Require Import Reals Ranalysis5 Lra.
From mathcomp Require Import ssreflect ssrfun ssrbool eqtype ssrnat seq choice fintype bigop.
From Coquelicot Require Import Coquelicot.
From Formal Require Import definitions sums.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Open Scope R_scope.

Section Monotone.
Variables (f df : R -> R) (a b : R).
Hypotheses (hab : a < b) (hf : forall x, a <= x <= b -> is_derive f x (df x)).

Lemma mean_value : exists c, a < c < b /\ f b - f a = df c * (b - a).
Proof.
have [c [e hc]] := MVT_cor2 f df a b hab (fun x hx => (is_derive_Reals _ _ _).1 (hf hx)).
by exists c.
Qed.

Lemma rises_where_derivative_positive : (forall x, a < x < b -> 0 < df x) -> f a < f b.
Proof.
move=> h; have [c [hc e]] := mean_value; have hd := h c hc.
have : 0 < df c * (b - a) by apply: Rmult_lt_0_compat; lra.
lra.
Qed.

Lemma never_falls_where_derivative_nonnegative : (forall x, a < x < b -> 0 <= df x) -> f a <= f b.
Proof.
move=> h; have [c [hc e]] := mean_value; have hd := h c hc.
have : 0 <= df c * (b - a) by apply: Rmult_le_pos; lra.
lra.
Qed.
End Monotone.

Lemma falls_where_derivative_negative (f df : R -> R) a b : a < b ->
  (forall x, a <= x <= b -> is_derive f x (df x)) -> (forall x, a < x < b -> df x < 0) -> f b < f a.
Proof.
move=> hab hf h.
have := @rises_where_derivative_positive (fun x => - f x) (fun x => - df x) a b hab.
move=> k; suff: - f a < - f b by lra.
apply: k => x hx; last by have := h x hx; lra.
exact: (is_derive_opp (K := R_AbsRing) (V := R_NormedModule) f x (df x) (hf x hx)).
Qed.

(** A differentiable function has derivative 0 at a local maximum. *)
Lemma derivative_zero_at_local_maximum (f : R -> R) x d e : 0 < e ->
  (forall t, Rabs (t - x) < e -> f t <= f x) -> is_derive f x d -> d = 0.
Proof.
move=> he hm /is_derive_Reals hd.
pose pr : derivable_pt f x := exist _ d hd.
have := @deriv_maximum f (x - e) (x + e) x pr; rewrite (derive_pt_eq_0 _ _ _ pr hd).
by apply; try lra; move=> t h1 h2; apply: hm; apply: Rabs_def1; lra.
Qed.

(** Where f' is 0 and rises, f has no local maximum. *)
Lemma rises_beyond_where_second_derivative_positive (f df : R -> R) x d e : 0 < e -> 0 < d ->
  (forall t, Rabs (t - x) < e -> is_derive f t (df t)) -> df x = 0 -> is_derive df x d ->
  forall r, 0 < r -> exists t, Rabs (t - x) < r /\ f x < f t.
Proof.
move=> he hd hf h0 /is_derive_Reals h2 r hr.
have [[s hs] /= near] := h2 (d / 2) ltac:(lra).
pose u := Rmin (Rmin e s) r / 2.
have hu : 0 < u /\ u < e /\ u < s /\ u < r.
  have := Rmin_l (Rmin e s) r; have := Rmin_r (Rmin e s) r; have := Rmin_l e s; have := Rmin_r e s.
  have : 0 < Rmin (Rmin e s) r by repeat apply: Rmin_glb_lt.
  rewrite /u; lra.
exists (x + u); split; first by rewrite (_ : x + u - x = u) ?Rabs_right; lra.
apply: (rises_where_derivative_positive (df := df)); first lra.
  by move=> t ht; apply: hf; apply: Rabs_def1; lra.
move=> t ht; have := near (t - x) ltac:(lra) ltac:(apply: Rabs_def1; lra).
rewrite (_ : x + (t - x) = t); last lra.
rewrite h0 Rminus_0_r => /Rabs_def2 [_ h].
have h' : d / 2 < df t / (t - x) by lra.
have := Rmult_lt_compat_r (t - x) _ _ ltac:(lra) h'.
have -> : df t / (t - x) * (t - x) = df t by field; lra.
have : 0 < d / 2 * (t - x) by apply: Rmult_lt_0_compat; lra.
lra.
Qed.

(** A differentiable function takes every value between two of its values. *)
Lemma takes_values_between (f df : R -> R) a b v : a < b -> (forall x, a <= x <= b -> is_derive f x (df x)) ->
  f a <= v <= f b -> exists x, a <= x <= b /\ f x = v.
Proof.
move=> hab hf [ha hb].
have [ea|la] := Req_dec (f a) v; first by exists a; split; [lra|].
have [eb|lb] := Req_dec (f b) v; first by exists b; split; [lra|].
pose g y := f y - v.
have cont x : a <= x <= b -> continuity_pt g x.
  move=> hx; apply/continuity_pt_filterlim; apply: (@ex_derive_continuous R_AbsRing R_NormedModule g).
  exists (df x - 0); apply: (is_derive_minus (K := R_AbsRing) (V := R_NormedModule)); first exact: hf.
  exact: is_derive_const.
have [||x [hx e]] := @IVT_interv g a b cont hab; rewrite /g; try lra.
by exists x; split=> //; move: e; rewrite /g; lra.
Qed.
