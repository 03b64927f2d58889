(** Chapter 5. Gradient flow of one pair in softmax logits: its trajectory, the time to leave U, all probabilities. *)
From Coq Require Import Reals Lra Psatz.
From Coquelicot Require Import Coquelicot.
From mathcomp Require Import ssreflect ssrfun ssrbool eqtype ssrnat seq choice fintype bigop.
From Formal Require Import definitions sums softplus ch1_rlhf calculus definitions_cpo claims_cpo.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Open Scope R_scope.

Section OnePair.
Variables (T : finType) (beta delta_ref margin : R) (w l : T) (z : R -> T -> R).
Hypotheses (wl : w != l) (flow : gradient_flow (logit_loss beta delta_ref margin w l) z).
Notation u t := (beta * (z t w - z t l - delta_ref) - margin).
Notation pull t := (beta * sigma (- u t)).

(** ** What the label does to each logit *)

Lemma loss_slope_in_logit a c x : is_derive (fun x => sp (- (beta * (a * x + c) - margin))) x
  (- a * beta * sigma (- (beta * (a * x + c) - margin))).
Proof.
evar_last; first apply: (is_derive_comp sp (fun x => - (beta * (a * x + c) - margin))).
- exact: is_derive_sp.
- by auto_derive; last reflexivity.
by rewrite /scal /= /mult /=; ring.
Qed.

Lemma logit_speed t y : 0 <= t ->
  is_derive (fun s => z s y) t (pull t * ((if y == w then 1 else 0) - (if y == l then 1 else 0))).
Proof.
move=> ht; have [d [hd hz]] := flow ht y; apply/is_derive_Reals.
suff -> : pull t * ((if y == w then 1 else 0) - (if y == l then 1 else 0)) = - d by [].
move: hd => /is_derive_Reals /is_derive_unique <-; rewrite /logit_loss /with_coordinate.
have [yw|yw] := eqVneq y w.
  rewrite yw (negbTE wl).
  rewrite (Derive_ext _ (fun x => sp (- (beta * (1 * x + (- z t l - delta_ref)) - margin)))); last first.
    by move=> x; rewrite ?eqxx (eq_sym l w) (negbTE wl); congr sp; ring.
  rewrite (is_derive_unique _ _ _ (loss_slope_in_logit 1 (- z t l - delta_ref) (z t w))).
  rewrite (_ : beta * (1 * z t w + (- z t l - delta_ref)) - margin = u t); ring.
have [yl|yl] := eqVneq y l.
  rewrite (Derive_ext _ (fun x => sp (- (beta * (-1 * x + (z t w - delta_ref)) - margin)))); last first.
    by move=> x; rewrite ?yl ?(negbTE wl) ?eqxx; congr sp; ring.
  rewrite (is_derive_unique _ _ _ (loss_slope_in_logit (-1) (z t w - delta_ref) (z t y))) yl.
  rewrite (_ : beta * (-1 * z t l + (z t w - delta_ref)) - margin = u t); ring.
by rewrite Derive_const; ring.
Qed.

Lemma margin_speed t : 0 <= t -> is_derive (fun s => z s w - z s l) t (2 * pull t).
Proof.
move=> ht; evar_last.
  exact: (is_derive_minus (K := R_AbsRing) (V := R_NormedModule) _ _ _ _ _ (logit_speed w ht) (logit_speed l ht)).
by rewrite /minus /plus /opp /= !eqxx (negbTE wl) (eq_sym l w) (negbTE wl); ring.
Qed.

Theorem margin_rises : 0 < beta -> forall s t, 0 <= s < t -> z s w - z s l < z t w - z t l.
Proof.
move=> hb s t [hs st].
apply: (rises_where_derivative_positive (f := fun s => z s w - z s l) (df := fun t => 2 * pull t) st) => x hx.
  by apply: margin_speed; lra.
by have := Rmult_lt_0_compat _ _ hb (sigma_pos (- u x)); lra.
Qed.

(** u + e^u is a clock: it runs at 2 beta^2 *)
Lemma clock_speed t : 0 <= t -> is_derive (fun s => u s + exp (u s)) t (2 * beta ^ 2).
Proof.
move=> ht; have hu : is_derive (fun s => u s) t (2 * beta * pull t).
  evar_last; first apply: (is_derive_comp (fun x => beta * (x - delta_ref) - margin) (fun s => z s w - z s l)).
  - by auto_derive; last reflexivity.
  - exact: margin_speed.
  by rewrite /scal /= /mult /=; ring.
evar_last; first apply: (is_derive_comp (fun x => x + exp x) (fun s => u s)).
- by auto_derive; last reflexivity.
- exact: hu.
rewrite /scal /= /mult /= /sigma Ropp_involutive; have := exp_pos (u t); set e := exp _ => he; field; lra.
Qed.

Theorem trajectory : z 0 w - z 0 l = delta_ref -> forall t, 0 <= t ->
  u t + exp (u t) = 2 * beta ^ 2 * t + exp (- margin) - margin.
Proof.
move=> start t [ht|<-]; last by rewrite start (_ : beta * (delta_ref - delta_ref) - margin = - margin); ring.
have [|c [_]] := mean_value (f := fun s => u s + exp (u s)) (df := fun _ => 2 * beta ^ 2) ht.
  by move=> s hs; apply: clock_speed; lra.
by rewrite start (_ : beta * (delta_ref - delta_ref) - margin = - margin); [lra|ring].
Qed.
End OnePair.

Theorem flow_trajectory_proved : flow_trajectory.
Proof. by move=> T beta dr margin w l z wl flow start t ht u; exact: (trajectory wl flow start ht). Qed.

Theorem flow_monotone_proved : flow_monotone.
Proof. by move=> T beta dr margin w l z wl hb flow; exact: (margin_rises wl flow hb). Qed.

Lemma clock_injective a b : a + exp a = b + exp b -> a = b.
Proof. by case: (Rtotal_order a b) => [/[dup] /exp_increasing|[//|/[dup] /exp_increasing]]; lra. Qed.

Theorem escape_time_proved : escape_time.
Proof.
move=> T beta d margin w l z wl hb hd flow start t ht.
have := trajectory wl flow start ht; set x := z t w - z t l => e.
have hb2 : 0 < 2 * beta ^ 2 by nra.
have at0 : beta * d - margin + exp (beta * d - margin)
  = 2 * beta ^ 2 * escape_time_at beta margin d + exp (- margin) - margin.
  by rewrite /escape_time_at /Rminus exp_plus; field; lra.
split=> [x0|et].
  apply: (Rmult_eq_reg_l (2 * beta ^ 2)); last lra.
  by rewrite x0 (_ : beta * (0 - - d) - margin = beta * d - margin) in e; [lra|ring].
rewrite -et -e in at0; have := clock_injective at0 => e'.
by apply: (Rmult_eq_reg_l beta); lra.
Qed.

Theorem escape_time_exponential_proved : escape_time_exponential.
Proof.
move=> beta d hb hd; have hx := Rmult_lt_0_compat _ _ hb hd.
have -> : 2 * beta ^ 2 * escape_time_at beta 0 d = beta * d + (exp (beta * d) - 1).
  by rewrite /escape_time_at Ropp_0 exp_0; field; lra.
by have := exp_ineq1 (beta * d) ltac:(lra); lra.
Qed.

Theorem escape_time_linear_proved : escape_time_linear.
Proof.
move=> beta d hb hd; have hx := Rmult_lt_0_compat _ _ hb hd; have hb2 : 0 < 2 * beta ^ 2 by nra.
have e margin : escape_time_at beta margin d - d / (2 * beta) = exp (- margin) * (exp (beta * d) - 1) / (2 * beta ^ 2).
  by rewrite /escape_time_at; field; lra.
have grows : 0 < exp (beta * d) - 1 by have := exp_ineq1 (beta * d) ltac:(lra); lra.
split=> [margin hm|eps he].
  have pos := div_pos (Rmult_lt_0_compat _ _ (exp_pos (- margin)) grows) hb2.
  have below : exp (- margin) * (exp (beta * d) - 1) < 1.
    have : exp (- margin) * exp (beta * d) <= 1.
      rewrite -exp_plus -exp_0; case: (Req_dec (- margin + beta * d) 0) => [->|ne]; first lra.
      by apply/Rlt_le/exp_increasing; lra.
    by have := exp_pos (- margin); lra.
  have := Rmult_lt_compat_r _ _ _ (Rinv_0_lt_compat _ hb2) below; have := e margin; rewrite /Rdiv in pos *; lra.
exists (- ln (eps * (2 * beta ^ 2) / (2 * (exp (beta * d) - 1)))) => margin hm.
set q := eps * (2 * beta ^ 2) / (2 * (exp (beta * d) - 1)) in hm.
have hq : 0 < q by apply: div_pos; nra.
have small : exp (- margin) <= q.
  by rewrite -(exp_ln _ hq); case: (Req_dec (- margin) (ln q)) => [->|ne]; [lra|apply/Rlt_le/exp_increasing; lra].
rewrite e Rabs_right; last by apply/Rle_ge/Rlt_le/div_pos => //; apply: Rmult_lt_0_compat => //; exact: exp_pos.
have half : q * (exp (beta * d) - 1) / (2 * beta ^ 2) = eps / 2 by rewrite /q; field; lra.
have : exp (- margin) * (exp (beta * d) - 1) / (2 * beta ^ 2) <= q * (exp (beta * d) - 1) / (2 * beta ^ 2).
  apply: Rmult_le_compat_r; first exact/Rlt_le/Rinv_0_lt_compat.
  by apply: Rmult_le_compat_r; lra.
lra.
Qed.

(** ** All probabilities *)

Theorem flow_third_response_proved : flow_third_response.
Proof.
move=> T beta dr w l z wl hb flow t ht y.
pose g := beta * sigma (- (beta * (z t w - z t l - dr) - 0)).
have hg : 0 < g by apply: Rmult_lt_0_compat => //; exact: sigma_pos.
pose side a : R := (if a == w then 1 else 0) - (if a == l then 1 else 0).
pose p := softmax (z t).
have hp : full p by apply: (normalised_full w) => a; exact: exp_pos.
pose M s := \Sum_a exp (z s a).
have hM : 0 < M t by apply: (mass_pos w) => a; exact: exp_pos.
have dM : is_derive M t (\Sum_a (exp (z t a) * (g * side a))).
  apply: is_derive_sum => a; evar_last; first apply: (is_derive_comp exp (fun s => z s a)).
  - exact: is_derive_exp.
  - exact: logit_speed wl flow t a ht.
  by rewrite /scal /= /mult /= /g /side; ring.
have mass : \Sum_a (exp (z t a) * (g * side a)) = M t * (g * (p w - p l)).
  rewrite -(sum_at (fun a => p a) w) -(sum_at (fun a => p a) l) -sumB -sumZ -sumZ; apply: eq_bigr => a _.
  by rewrite /p /softmax /normalised -/(M t) /side; case: (a == w); case: (a == l); field; lra.
exists (g * (side y - (p w - p l))); split; last first.
  have p1 a : p a <= 1 by exact: policy_le1 (full_policy hp).
  have pw := hp.1 w; have pl := hp.1 l; have := p1 w; have := p1 l => l1 w1.
  rewrite /side; split=> [->|]; last split=> [->|yw yl].
  - by rewrite eqxx (negbTE wl); apply: Rmult_lt_0_compat; lra.
  - by rewrite eqxx (eq_sym l w) (negbTE wl); nra.
  - by rewrite (negbTE yw) (negbTE yl) -/p; split=> h; nra.
apply/is_derive_Reals/(is_derive_ext (fun s => z s y - ln (M s))) => [s|].
  by rewrite /softmax ln_normalised ?ln_exp // => a; exact: exp_pos.
evar_last.
  apply: (is_derive_minus (K := R_AbsRing) (V := R_NormedModule)); first exact: logit_speed wl flow t y ht.
  apply: (is_derive_comp ln M); last exact: dM.
  by apply: is_derive_ln.
by rewrite /minus /plus /opp /scal /= /mult /= mass -/g /side; field; lra.
Qed.
