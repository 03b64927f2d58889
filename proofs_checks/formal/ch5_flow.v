(** Chapter 5. Gradient flow of one pair in softmax logits: its trajectory, the time to leave U, all probabilities. *)
From Coq Require Import Reals Lra Psatz.
From Coquelicot Require Import Coquelicot.
From mathcomp Require Import ssreflect ssrfun ssrbool eqtype ssrnat seq choice fintype bigop.
From Formal Require Import definitions sums softplus ch1_rlhf calculus definitions_cpo claims_cpo.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Open Scope R_scope.

(** ** What labels do to each logit *)

(** +1 for the winner, -1 for the loser *)
Definition side (T : finType) (w l y : T) : R := (if y == w then 1 else 0) - (if y == l then 1 else 0).

Section Slope.
Variables (T : finType) (beta delta_ref margin : R) (w l : T) (x : T -> R).
Hypothesis wl : w != l.
Notation u := (beta * (x w - x l - delta_ref) - margin).

Lemma slope_of_loss a c b : is_derive (fun b => sp (- (beta * (a * b + c) - margin))) b
  (- a * beta * sigma (- (beta * (a * b + c) - margin))).
Proof.
evar_last; first apply: (is_derive_comp sp (fun b => - (beta * (a * b + c) - margin))).
- exact: is_derive_sp.
- by auto_derive; last reflexivity.
by rewrite /scal /= /mult /=; ring.
Qed.

Lemma slope_in_logit y : is_derive (fun b => logit_loss beta delta_ref margin w l (with_coordinate x y b)) (x y)
  (- (beta * sigma (- u) * side w l y)).
Proof.
rewrite /logit_loss /with_coordinate /side; have [->|yw] := eqVneq y w.
  rewrite (negbTE wl).
  apply: (is_derive_ext (fun b => sp (- (beta * (1 * b + (- x l - delta_ref)) - margin)))) => [b|].
    by rewrite ?eqxx (eq_sym l w) (negbTE wl); congr sp; ring.
  evar_last; first exact: slope_of_loss.
  by rewrite (_ : beta * (1 * x w + (- x l - delta_ref)) - margin = u); ring.
have [->|yl] := eqVneq y l.
  apply: (is_derive_ext (fun b => sp (- (beta * (-1 * b + (x w - delta_ref)) - margin)))) => [b|].
    by rewrite ?(negbTE wl) ?eqxx; congr sp; ring.
  evar_last; first exact: slope_of_loss.
  by rewrite (_ : beta * (-1 * x l + (x w - delta_ref)) - margin = u); ring.
by evar_last; [exact: is_derive_const|rewrite /zero /=; ring].
Qed.
End Slope.

Section OnePair.
Variables (T : finType) (beta delta_ref margin : R) (w l : T) (z : R -> T -> R).
Hypotheses (wl : w != l) (flow : gradient_flow (logit_loss beta delta_ref margin w l) z).
Notation u t := (beta * (z t w - z t l - delta_ref) - margin).
Notation pull t := (beta * sigma (- u t)).

Lemma logit_speed t y : 0 <= t -> is_derive (fun s => z s y) t (pull t * side w l y).
Proof.
move=> ht; have [d [hd hz]] := flow ht y; apply/is_derive_Reals.
suff -> : pull t * side w l y = - d by [].
move: hd => /is_derive_Reals /is_derive_unique <-.
by rewrite (is_derive_unique _ _ _ (slope_in_logit _ _ _ _ wl y)); ring.
Qed.

Lemma margin_speed t : 0 <= t -> is_derive (fun s => z s w - z s l) t (2 * pull t).
Proof.
move=> ht; evar_last.
  exact: (is_derive_minus (K := R_AbsRing) (V := R_NormedModule) _ _ _ _ _ (logit_speed w ht) (logit_speed l ht)).
by rewrite /minus /plus /opp /side /= !eqxx (negbTE wl) (eq_sym l w) (negbTE wl); ring.
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

Lemma log_softmax_speed (T : finType) (z : R -> T -> R) (v : T -> R) t y :
  (forall a, is_derive (fun s => z s a) t (v a)) ->
  is_derive (fun s => ln (softmax (z s) y)) t (v y - \Sum_a (softmax (z t) a * v a)).
Proof.
move=> hv; pose M s := \Sum_a exp (z s a).
have hM : 0 < M t by apply: (mass_pos y) => a; exact: exp_pos.
have dM : is_derive M t (\Sum_a (exp (z t a) * v a)).
  apply: is_derive_sum => a; evar_last; first apply: (is_derive_comp exp (fun s => z s a)).
  - exact: is_derive_exp.
  - exact: hv.
  by rewrite /scal /= /mult /=; ring.
apply: (is_derive_ext (fun s => z s y - ln (M s))) => [s|].
  by rewrite /softmax ln_normalised ?ln_exp // => a; exact: exp_pos.
evar_last.
  apply: (is_derive_minus (K := R_AbsRing) (V := R_NormedModule)); first exact: hv.
  apply: (is_derive_comp ln M); last exact: dM.
  exact: is_derive_ln.
rewrite /minus /plus /opp /scal /= /mult /=; congr (_ - _).
rewrite Rmult_comm -sumZ; apply: eq_bigr => a _.
by rewrite /softmax /normalised -/(M t); field; lra.
Qed.

Lemma mean_side (T : finType) (p : T -> R) g w l : \Sum_a (p a * (g * side w l a)) = g * (p w - p l).
Proof.
rewrite -(sum_at (fun a => p a) w) -(sum_at (fun a => p a) l) -sumB -sumZ; apply: eq_bigr => a _.
by rewrite /side; case: (a == w); case: (a == l); ring.
Qed.

Theorem flow_third_response_proved : flow_third_response.
Proof.
move=> T beta dr w l z wl hb flow t ht y.
pose g := beta * sigma (- (beta * (z t w - z t l - dr) - 0)).
have hg : 0 < g by apply: Rmult_lt_0_compat => //; exact: sigma_pos.
pose p := softmax (z t).
have hp : full p by apply: (normalised_full w) => a; exact: exp_pos.
exists (g * (side w l y - (p w - p l))); split; last first.
  have p1 a : p a <= 1 by exact: policy_le1 (full_policy hp).
  have pw := hp.1 w; have pl := hp.1 l; have := p1 w; have := p1 l => l1 w1.
  rewrite /side; split=> [->|]; last split=> [->|yw yl].
  - by rewrite eqxx (negbTE wl); apply: Rmult_lt_0_compat; lra.
  - by rewrite eqxx (eq_sym l w) (negbTE wl); nra.
  - by rewrite (negbTE yw) (negbTE yl) -/p; split=> h; nra.
apply/is_derive_Reals; evar_last.
  by apply: log_softmax_speed => a; exact: logit_speed wl flow t a ht.
by rewrite mean_side -/g -/p; ring.
Qed.

Theorem flow_chain_proved : flow_chain.
Proof.
move=> T ref beta a b c z ab bc ac href hb flow start.
pose p := softmax (z 0).
have margins x y : z 0 x - z 0 y = delta ref x y.
  rewrite -start /softmax delta_normalised ?ln_exp // => ?; exact: exp_pos.
pose v y := beta / 2 * side a b y + beta / 2 * side b c y.
have speed y : is_derive (fun s => z s y) 0 (v y).
  have [d [hd hz]] := flow 0 (Rle_refl 0) y; apply/is_derive_Reals.
  suff -> : v y = - d by [].
  move: hd => /is_derive_Reals /is_derive_unique <-.
  have := is_derive_plus (K := R_AbsRing) (V := R_NormedModule) _ _ _ _ _
    (slope_in_logit beta (delta ref a b) 0 (z 0) ab y) (slope_in_logit beta (delta ref b c) 0 (z 0) bc y).
  move=> /is_derive_unique ->; rewrite /plus /= !margins /v.
  have half : sigma (- (beta * 0 - 0)) = 1 / 2.
    by rewrite (_ : - (beta * 0 - 0) = 0); [rewrite /sigma Ropp_0 exp_0; lra|ring].
  by rewrite !Rminus_eq_0 half; field.
apply/is_derive_Reals; evar_last; first exact: log_softmax_speed speed.
rewrite (_ : \Sum_y _ = \Sum_y (softmax (z 0) y * (beta / 2 * side a b y))
  + \Sum_y (softmax (z 0) y * (beta / 2 * side b c y))).
  rewrite !mean_side /v /side eqxx start (eq_sym b a) (negbTE ab) (negbTE bc).
  by field.
by rewrite -sumD; apply: eq_bigr => y _; rewrite /v; ring.
Qed.
