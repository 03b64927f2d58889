(** What the claims of [claims_cpo.v] speak of beyond [definitions.v]; trusted as that file is. *)
From Coq Require Import Reals.
From Coquelicot Require Import Coquelicot.
From mathcomp Require Import ssreflect ssrfun ssrbool eqtype ssrnat seq choice fintype bigop.
From Formal Require Import definitions.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Open Scope R_scope.

(** * The penalised objective *)

(** On two responses a policy is its margin. *)
Definition of_margin (d : R) (b : bool) := if b then sigma d else sigma (- d).
(** G(delta) = delta - 2 kappa (1 + cosh delta), and its greatest value F(kappa) *)
Definition level kappa d := d - 2 * kappa * (1 + cosh d).
Definition summit kappa := arcsinh (1 / (2 * kappa)) - 2 * kappa - sqrt (4 * kappa ^ 2 + 1).
(** The derivative along every direction that keeps the mass is 0. *)
Definition stationary_on_simplex (T : finType) (F : (T -> R) -> R) p :=
  forall v : T -> R, \Sum_y v y = 0 -> derivable_pt_lim (fun t => F (fun y => p y + t * v y)) 0 0.

(** * Isotonic regression: the nearest order-preserving x to z, in least squares with weights v *)
Definition isotonic_regression (T : finType) (E : rel T) (v z : T -> R) (x : T -> R) :=
  minimises (fun x => forall w l, E w l -> x l <= x w) (fun x => \Sum_y (v y * (x y - z y) ^ 2)) x.

(** * The reference-margin loss and the released losses *)

(** Psi = gamma (1/p_w + 1/p_l) *)
Definition margin_at (T : finType) gamma (p : T -> R) w l := gamma * (1 / p w + 1 / p l).
(** one pair, labelled w > l at rate sigma(r_w - r_l) with one margin and l > w otherwise with another *)
Definition margin_loss (T : finType) (ref r : T -> R) beta w l margin reversed p :=
  sigma (r w - r l) * sp (- (beta * h ref p w l - margin)) +
  sigma (r l - r w) * sp (- (beta * h ref p l w - reversed)).
Definition easy_target (T : finType) (ref : T -> R) beta gamma w l :=
  delta ref w l + gamma / beta * (1 / ln (ref w) + 1 / ln (ref l)).

(** * Gradient flow in softmax logits *)

Definition softmax (T : finType) (z : T -> R) := normalised (fun y => exp (z y)).
Definition with_coordinate (T : finType) (z : T -> R) y x y' := if y' == y then x else z y'.
(** From time 0 on every logit moves against the partial derivative of the loss. *)
Definition gradient_flow (T : finType) (L : (T -> R) -> R) (z : R -> T -> R) :=
  forall t, 0 <= t -> forall y, exists d,
    derivable_pt_lim (fun x => L (with_coordinate (z t) y x)) (z t y) d /\
    derivable_pt_lim (fun s => z s y) t (- d).
(** one pair w > l with a fixed margin, as a function of the logits; the margin 0 is DPO *)
Definition logit_loss (T : finType) beta delta_ref margin (w l : T) (z : T -> R) :=
  sp (- (beta * (z w - z l - delta_ref) - margin)).
(** the time from delta_ref = - d to 0 *)
Definition escape_time_at beta margin d := (beta * d + exp (- margin) * (exp (beta * d) - 1)) / (2 * beta ^ 2).
