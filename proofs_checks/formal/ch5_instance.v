(** Chapter 5. Gradient flow of one pair exists: the claims of the chapter do not speak of nothing. *)
From Coq Require Import Reals Lra Psatz.
From Coquelicot Require Import Coquelicot.
From mathcomp Require Import ssreflect ssrfun ssrbool eqtype ssrnat seq choice fintype bigop.
From Formal Require Import definitions sums softplus calculus definitions_cpo ch5_flow ch6_two_responses.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Open Scope R_scope.

(** ** The inverse of x + e^x *)

Definition clock x := x + exp x.

Lemma clock_rises a b : a < b -> clock a < clock b.
Proof. by move=> ab; have := exp_increasing _ _ ab; rewrite /clock; lra. Qed.

Lemma clock_slope x : is_derive clock x (1 + exp x).
Proof. by rewrite /clock; auto_derive => //; ring. Qed.

Lemma clock_onto c : exists x, clock x = c.
Proof.
pose a := - Rabs c - 1; pose b := Rabs c + 1.
have hc := Rle_abs c; have hc' := Rle_abs (- c); rewrite Rabs_Ropp in hc'; have h0 := Rabs_pos c.
have ea : exp a <= 1 by rewrite -exp_0; apply/Rlt_le/exp_increasing; rewrite /a; lra.
have eb := exp_pos b.
have ab : a < b by rewrite /a /b; lra.
have between : clock a <= c <= clock b by rewrite /clock; move: ea eb; rewrite /a /b; lra.
by have [x [_ e]] := takes_values_between ab (fun x _ => clock_slope x) between; exists x.
Qed.

(** the greatest x with x + e^x <= c *)
Definition reading c := real (Lub_Rbar (fun x => clock x <= c)).

Lemma clock_reading c : clock (reading c) = c.
Proof.
have [x e] := clock_onto c; suff -> : reading c = x by [].
rewrite /reading (is_lub_Rbar_unique _ (Finite x)) //; split=> [y hy|b]; last by apply; lra.
by apply: Rnot_lt_le => /clock_rises; lra.
Qed.

Lemma reading_slope c : derivable_pt_lim reading c (sigma (- reading c)).
Proof.
move=> eps he; exists (mkposreal eps he) => s s0 /= small.
set a := reading c; set b := reading (c + s).
have ea : clock a = c by exact: clock_reading.
have eb : clock b = c + s by exact: clock_reading.
have [x [near e]] : exists x, Rabs (x - a) <= Rabs s /\ s = (1 + exp x) * (b - a).
  case: (Rtotal_order a b) => [lt|[eq|gt]].
  - have [x [hx e]] := mean_value lt (fun x _ => clock_slope x); exists x; rewrite ea eb in e; split; last by lra.
    by have p : 0 < exp x * (b - a); [apply: Rmult_lt_0_compat; [exact: exp_pos|lra]|rewrite !Rabs_right; lra].
  - by exfalso; apply: s0; rewrite eq in ea; lra.
  - have [x [hx e]] := mean_value gt (fun x _ => clock_slope x); exists x; rewrite ea eb in e; split; last by lra.
    by have p : 0 < exp x * (a - b); [apply: Rmult_lt_0_compat; [exact: exp_pos|lra]|rewrite !Rabs_left; lra].
have hx := exp_pos x.
have ba : b - a <> 0 by move=> z; apply: s0; rewrite e z; ring.
have -> : (b - a) / s = sigma (- x) by rewrite e /sigma Ropp_involutive; field; split; [lra|exact: ba].
by apply: sigma_near; rewrite (_ : - x - - a = - (x - a)) ?Rabs_Ropp; lra.
Qed.

(** ** The flow *)

Section Flow.
Variables (T : finType) (beta delta_ref margin : R) (w l : T).
Hypotheses (wl : w != l) (hb : 0 < beta).
Definition u t := reading (2 * beta ^ 2 * t + clock (- margin)).
Definition half t := / 2 * (delta_ref + (u t + margin) / beta).
Definition logits t y := half t * ((if y == w then 1 else 0) - (if y == l then 1 else 0)).

Lemma half_slope t : derivable_pt_lim half t (beta * sigma (- u t)).
Proof.
have hu : is_derive u t (2 * beta ^ 2 * sigma (- u t)).
  evar_last; first apply: (is_derive_comp reading (fun t => 2 * beta ^ 2 * t + clock (- margin))).
  - exact/is_derive_Reals/reading_slope.
  - by auto_derive; last reflexivity.
  by rewrite /scal /= /mult /= -/(u t); ring.
apply/is_derive_Reals; evar_last; first apply: (is_derive_comp (fun x => / 2 * (delta_ref + (x + margin) / beta)) u).
- by auto_derive; last reflexivity.
- exact: hu.
by rewrite /scal /= /mult /=; field; lra.
Qed.

Theorem flow_exists : gradient_flow (logit_loss beta delta_ref margin w l) logits /\ logits 0 w - logits 0 l =
  delta_ref.
Proof.
have lw : (l == w) = false by rewrite eq_sym; exact/negbTE.
have at_w t : logits t w = half t by rewrite /logits eqxx (negbTE wl); ring.
have at_l t : logits t l = - half t by rewrite /logits eqxx lw; ring.
have u_is t : beta * (logits t w - logits t l - delta_ref) - margin = u t.
  by rewrite at_w at_l /half; field; lra.
split; last first.
  rewrite at_w at_l /half /u (_ : 2 * beta ^ 2 * 0 + clock (- margin) = clock (- margin)); last ring.
  have -> : reading (clock (- margin)) = - margin by apply: clock_injective; exact: clock_reading.
  by field; lra.
move=> t _ y; exists (- (beta * sigma (- u t) * ((if y == w then 1 else 0) - (if y == l then 1 else 0))));
  split; last first.
  rewrite Ropp_involutive; apply/is_derive_Reals.
  apply: (is_derive_ext (fun s => ((if y == w then 1 else 0) - (if y == l then 1 else 0)) * half s)).
    by move=> s; rewrite /logits Rmult_comm.
  evar_last; first apply: is_derive_scal; first exact/is_derive_Reals/half_slope.
  by rewrite /scal /= /mult /=; ring.
by apply/is_derive_Reals; have := slope_in_logit beta delta_ref margin (logits t) wl y; rewrite u_is.
Qed.
End Flow.
