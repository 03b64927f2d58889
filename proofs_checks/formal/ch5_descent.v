(** Chapter 5, gradient flow of DPO on any labels: what a label does to the logits, sums that are conserved, a loss that
    falls, a distance to every minimiser that never grows; so the loss tends to its minimum. *)
From Coq Require Import Reals Lra Psatz.
From Coquelicot Require Import Coquelicot.
From mathcomp Require Import ssreflect ssrfun ssrbool eqtype ssrnat seq choice fintype bigop path fingraph.
From Formal Require Import definitions sums softplus ch1_rlhf calculus blocks definitions_cpo ch5_flow.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Open Scope R_scope.

Lemma softmax_full (T : finType) (x : T -> R) : T -> full (softmax x).
Proof. by move=> y; apply: (normalised_full y) => a; exact: exp_pos. Qed.

Lemma delta_softmax (T : finType) (x : T -> R) w l : delta (softmax x) w l = x w - x l.
Proof. by rewrite delta_normalised ?ln_exp // => a; exact: exp_pos. Qed.

Lemma sum2_opp (T : finType) (f : T -> T -> R) : \Sum_w \Sum_l (- f w l) = - \Sum_w \Sum_l f w l.
Proof. by rewrite -[RHS]Rmult_1_l -Ropp_mult_distr_r Ropp_mult_distr_l -sum2Z; apply: eq_sum2 => w l; ring. Qed.

(** sp lies above its tangents. *)
Lemma sp_tangent a b : sp a + sigma a * (b - a) <= sp b.
Proof.
case: (Rtotal_order a b) => [lt|[->|gt]]; last 2 first.
- by lra.
- have [c [hc e]] := mean_value gt (fun x _ => is_derive_sp x).
  by have := @sigma_lt c a; nra.
have [c [hc e]] := mean_value lt (fun x _ => is_derive_sp x).
by have := @sigma_lt a c; nra.
Qed.

Section Descent.
Variables (T : finType) (ref : T -> R) (beta : R) (n : T -> T -> R).
Hypothesis n_ge0 : weights n.
Definition logits_loss x := dpo_loss ref beta n (softmax x).
Notation F := logits_loss.
Definition implicit (x : T -> R) w l := beta * (x w - x l - delta ref w l).
(** the force of all labels on the logit of y *)
Definition force x y := \Sum_w \Sum_l (n w l * (beta * sigma (- implicit x w l) * side w l y)).

Lemma logits_loss_pairs x : F x = \Sum_w \Sum_l (n w l * sp (- implicit x w l)).
Proof. by apply: eq_sum2 => w l; rewrite /h delta_softmax. Qed.

Lemma side_self (w y : T) : side w w y = 0.
Proof. by rewrite /side; lra. Qed.

Lemma force_is_slope x y : is_derive (fun b => F (with_coordinate x y b)) (x y) (- force x y).
Proof.
apply: (is_derive_ext (fun b => \Sum_w \Sum_l (n w l * logit_loss beta (delta ref w l) 0 w l (with_coordinate x y b)))).
  by move=> b; rewrite logits_loss_pairs; apply: eq_sum2 => w l; rewrite /logit_loss /implicit Rminus_0_r.
rewrite (_ : - force x y = \Sum_w \Sum_l (n w l * - (beta * sigma (- implicit x w l) * side w l y))); last first.
  by rewrite /force -sum2_opp; apply: eq_sum2 => w l; ring.
apply: is_derive_sum => w; apply: is_derive_sum => l; apply: is_derive_scal.
case: (eqVneq w l) => [->|wl]; last first.
  by have := slope_in_logit beta (delta ref w l) 0 x wl y; rewrite /implicit Rminus_0_r.
rewrite side_self Rmult_0_r Ropp_0.
apply: (is_derive_ext (fun _ => sp (- (beta * (0 - delta ref l l) - 0)))); last exact: is_derive_const.
by move=> b; rewrite /logit_loss Rminus_eq_0.
Qed.

(** A sum against the forces is a sum over labels. *)
Lemma against_force x (v : T -> R) :
  \Sum_y (v y * force x y) = \Sum_w \Sum_l (n w l * (beta * sigma (- implicit x w l) * (v w - v l))).
Proof.
transitivity (\Sum_y \Sum_w \Sum_l (n w l * (beta * sigma (- implicit x w l)) * (v y * side w l y))).
  by apply: eq_bigr => y _; rewrite -sum2Z; apply: eq_sum2 => w l; ring.
rewrite exchange_big /=; apply: eq_bigr => w _; rewrite exchange_big /=; apply: eq_bigr => l _.
rewrite sumZ Rmult_assoc; congr (_ * _); congr (_ * _).
rewrite -[X in _ = X - _](sum_at v w) -[X in _ = _ - X](sum_at v l) -sumB; apply: eq_bigr => y _.
by rewrite /side; case: (y == w); case: (y == l); ring.
Qed.

(** ** Along the flow *)

Variables (z : R -> T -> R).
Hypothesis flow : gradient_flow F z.

Lemma velocity t y : 0 <= t -> is_derive (fun s => z s y) t (force (z t) y).
Proof.
move=> ht; have [d [hd hz]] := flow ht y; apply/is_derive_Reals; suff -> : force (z t) y = - d by [].
by move: hd => /is_derive_Reals /is_derive_unique <-; rewrite (is_derive_unique _ _ _ (force_is_slope _ y)); ring.
Qed.

Lemma constant_where_slope_is_0 (f : R -> R) : (forall t, 0 <= t -> is_derive f t 0) -> forall t, 0 <= t -> f t = f 0.
Proof.
move=> hf t [ht|<-] //; have [|c [_ e]] := mean_value (f := f) (df := fun=> 0) ht; last by lra.
by move=> s hs; apply: hf; lra.
Qed.

(** Logits keep their sum over every set that no label leaves or enters. *)
Lemma sum_conserved (C : pred T) : (forall w l, label n w l -> C w = C l) ->
  forall t, 0 <= t -> \Sum_(y | C y) z t y = \Sum_(y | C y) z 0 y.
Proof.
move=> closed; apply: constant_where_slope_is_0 => t ht.
pose v y := if C y then 1 else 0.
have e s : \Sum_y (v y * z s y) = \Sum_(y | C y) z s y.
  by rewrite -[RHS]sum_if; apply: eq_bigr => y _; rewrite /v; case: (C y); ring.
apply: (is_derive_ext _ _ _ _ e).
evar_last; first by apply: is_derive_sum => y; apply: is_derive_scal; exact: velocity.
rewrite [LHS](against_force (z t) v) big1 // => w _; apply: big1 => l _.
case: (boolP (label n w l)) => [/closed|/(no_label n_ge0) ->]; last ring.
by rewrite /v => ->; ring.
Qed.

Lemma loss_speed t : 0 <= t -> is_derive (fun s => F (z s)) t (- \Sum_y (force (z t) y * force (z t) y)).
Proof.
move=> ht; apply: (is_derive_ext (fun s => \Sum_w \Sum_l (n w l * sp (- implicit (z s) w l)))) => [s|].
  by rewrite logits_loss_pairs.
rewrite against_force (_ : - _ = \Sum_w \Sum_l (n w l *
  (- (beta * (force (z t) w - force (z t) l)) * sigma (- implicit (z t) w l)))); last first.
  by rewrite -sum2_opp; apply: eq_sum2 => w l; ring.
apply: is_derive_sum => w; apply: is_derive_sum => l; apply: is_derive_scal.
apply: (is_derive_comp sp (fun s => - implicit (z s) w l)); first exact: is_derive_sp.
apply: is_derive_opp; rewrite /implicit; apply: is_derive_scal.
rewrite -[X in is_derive _ _ X]Rminus_0_r.
apply: (is_derive_minus (K := R_AbsRing) (V := R_NormedModule)); last exact: is_derive_const.
by apply: (is_derive_minus (K := R_AbsRing) (V := R_NormedModule)); exact: velocity.
Qed.

Lemma loss_falls s t : 0 <= s <= t -> F (z t) <= F (z s).
Proof.
move=> [hs [st|->]]; last lra.
suff : - F (z s) <= - F (z t) by lra.
apply: (never_falls_where_derivative_nonnegative (f := fun s => - F (z s))
  (df := fun t => - - \Sum_y (force (z t) y * force (z t) y)) st) => x hx.
  by apply: is_derive_opp; apply: loss_speed; lra.
by rewrite Ropp_involutive; apply: sum_ge0 => y _; exact: Rle_0_sqr.
Qed.

(** ** The distance to any logits of at most the loss never grows, at a rate of at least twice the excess *)

Section Distance.
Variable zs : T -> R.
Definition distance_to t := \Sum_y ((z t y - zs y) * (z t y - zs y)).

Lemma distance_speed t : 0 <= t ->
  exists d, is_derive distance_to t d /\ d <= 2 * (F zs - F (z t)).
Proof.
move=> ht; exists (\Sum_y (force (z t) y * (z t y - zs y) + (z t y - zs y) * force (z t) y)); split.
  apply: is_derive_sum => y.
  have hd : is_derive (fun s => z s y - zs y) t (force (z t) y).
    rewrite -[X in is_derive _ _ X]Rminus_0_r.
    apply: (is_derive_minus (K := R_AbsRing) (V := R_NormedModule)); [exact: velocity|exact: is_derive_const].
  exact: (is_derive_mult (fun s => z s y - zs y) (fun s => z s y - zs y) t _ _ hd hd Rmult_comm).
have -> : \Sum_y (force (z t) y * (z t y - zs y) + (z t y - zs y) * force (z t) y) =
    2 * \Sum_y ((z t y - zs y) * force (z t) y).
  by rewrite -sumZ; apply: eq_bigr => y _; ring.
rewrite (against_force (z t) (fun y => z t y - zs y)) !logits_loss_pairs -sum2B.
apply: Rmult_le_compat_l; first lra.
apply: sum2_le => w l; have tangent := sp_tangent (- implicit (z t) w l) (- implicit zs w l).
have e : - implicit zs w l - - implicit (z t) w l = beta * (z t w - zs w - (z t l - zs l)).
  by rewrite /implicit; ring.
rewrite e in tangent; have := Rmult_le_compat_l _ _ _ (n_ge0 w l) tangent; lra.
Qed.

Lemma loss_tends_down eps : 0 < eps -> exists M, 0 <= M /\ forall t, M <= t -> F (z t) < F zs + eps.
Proof.
move=> he; pose M := distance_to 0 / (2 * eps) + 1.
have D0 t : 0 <= distance_to t by apply: sum_ge0 => y _; exact: Rle_0_sqr.
have M0 : 0 < M.
  have i0 : 0 <= / (2 * eps) by apply/Rlt_le/Rinv_0_lt_compat; lra.
  by have := Rmult_le_pos _ _ (D0 0) i0; rewrite /M /Rdiv; lra.
exists M; split=> [|t Mt]; first lra.
apply: Rle_lt_trans (loss_falls (conj (Rlt_le _ _ M0) Mt)) _; apply: Rnot_le_lt => high.
have speed s : 0 <= s <= M ->
    is_derive (fun s => distance_to s) s (Derive distance_to s) /\ Derive distance_to s <= - (2 * eps).
  move=> hs; have [d [hd le]] := distance_speed (proj1 hs); rewrite (is_derive_unique _ _ _ hd); split=> //.
  by have := loss_falls hs; lra.
have [c [hc e]] := mean_value M0 (fun s hs => proj1 (speed s hs)).
have := proj2 (speed c ltac:(lra)); have := D0 M; rewrite Rminus_0_r in e.
have : 2 * eps * M = distance_to 0 + 2 * eps by rewrite /M; field; lra.
nra.
Qed.
End Distance.
End Descent.
