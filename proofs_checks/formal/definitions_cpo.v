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
