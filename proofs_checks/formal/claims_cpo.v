(** The claims on constrained preference optimisation: flows, the penalised objective, the hard constraint. Their form
    is that of [claims.v]. *)
From Coq Require Import Reals.
From Coquelicot Require Import Coquelicot.
From mathcomp Require Import ssreflect ssrfun ssrbool eqtype ssrnat seq choice fintype bigop path fingraph.
From Formal Require Import definitions definitions_cpo.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Open Scope R_scope.

(** * Chapter 6: the penalised objective, one pair [true > false] being all there is where two responses are named *)

(** If gamma > 0 and some response has more weighted losses than wins, the objective is unbounded above: it has no
    maximiser. *)
Definition eq_10 : Prop := forall (T : finType) (ref r : T -> R) beta gamma n y,
  full ref -> 0 < beta -> 0 < gamma -> balance n y < 0 ->
  unbounded_above full (penalised ref r beta gamma n) /\
  ~ exists p, maximises full (penalised ref r beta gamma n) p.

(** Theorem 4.9 of the maximiser: whatever is said of one is true, as there is none. *)
Definition thm_4_9 : Prop := forall (T : finType) (ref r : T -> R) beta gamma n y p w l,
  full ref -> 0 < beta -> 0 < gamma -> balance n y < 0 ->
  maximises full (penalised ref r beta gamma n) p -> 0 < n w l -> 0 < delta p w l.

(** Two responses: the objective's slope in delta is beta sigma(delta) sigma(-delta) (delta_star - G(delta)), which is
    0 exactly where G(delta) = delta_star. *)
Definition eq_10_stationary : Prop := forall (ref r : bool -> R) beta gamma d,
  full ref -> 0 < beta -> 0 < gamma ->
  let slope := beta * (sigma d * sigma (- d)) * (delta (pi_star ref r beta) true false - level (gamma / beta) d) in
  derivable_pt_lim (fun x => penalised ref r beta gamma (one_label true false) (of_margin x)) d slope /\
  (slope = 0 <-> level (gamma / beta) d = delta (pi_star ref r beta) true false).

(** Two responses: a local maximum exists iff delta_star < F(kappa), and it is the smaller root of G = delta_star. *)
Definition eq_10_local : Prop := forall (ref r : bool -> R) beta gamma,
  full ref -> 0 < beta -> 0 < gamma ->
  let objective := penalised ref r beta gamma (one_label true false) in
  let star := delta (pi_star ref r beta) true false in
  let kappa := gamma / beta in
  ((exists p, local_maximum objective p) <-> star < summit kappa) /\
  forall p, full p -> (local_maximum objective p <-> star < summit kappa /\
    level kappa (delta p true false) = star /\ forall x, level kappa x = star -> delta p true false <= x).

(** F falls strictly, with slope -2 - sqrt(4 k^2 + 1)/k, and takes every value once; so a local maximum exists exactly
    for gamma below one gamma_max. *)
Definition gamma_max : Prop :=
  (forall k, 0 < k -> derivable_pt_lim summit k (- 2 - sqrt (4 * k ^ 2 + 1) / k)) /\
  (forall k k', 0 < k < k' -> summit k' < summit k) /\
  forall (ref r : bool -> R) beta, full ref -> 0 < beta ->
  exists largest, 0 < largest /\ summit (largest / beta) = delta (pi_star ref r beta) true false /\
  forall gamma, 0 < gamma ->
    ((exists p, local_maximum (penalised ref r beta gamma (one_label true false)) p) <-> gamma < largest).

(** F(k) + 4 k > 0: at gamma_star = - beta delta_star / 4 a local maximum still exists, so gamma_star < gamma_max. *)
Definition gamma_window : Prop :=
  (forall k, 0 < k -> 0 < summit k + 4 * k) /\
  forall beta star largest, 0 < beta -> star < 0 -> 0 < largest -> summit (largest / beta) = star ->
  - beta * star / 4 < largest.

(** Theorem 4.9 of the local maximum: two responses, delta_star < 0; delta > 0 iff gamma > gamma_star. *)
Definition thm_4_9_local : Prop := forall (ref r : bool -> R) beta gamma p,
  full ref -> 0 < beta -> 0 < gamma -> delta (pi_star ref r beta) true false < 0 ->
  local_maximum (penalised ref r beta gamma (one_label true false)) p ->
  (0 < delta p true false <-> - beta * delta (pi_star ref r beta) true false / 4 < gamma).

(** Theorem 4.9 with its "gamma >= gamma_star" (refuted). *)
Definition thm_4_9_equality : Prop := forall (ref r : bool -> R) beta gamma p,
  full ref -> 0 < beta -> 0 < gamma -> delta (pi_star ref r beta) true false < 0 ->
  - beta * delta (pi_star ref r beta) true false / 4 = gamma ->
  local_maximum (penalised ref r beta gamma (one_label true false)) p -> 0 < delta p true false.

(** Beyond gamma_max whatever is said of a local maximum is true, as there is none. *)
Definition thm_4_9_beyond : Prop := forall (ref r : bool -> R) beta gamma,
  full ref -> 0 < beta -> 0 < gamma -> summit (gamma / beta) <= delta (pi_star ref r beta) true false ->
  ~ exists p, local_maximum (penalised ref r beta gamma (one_label true false)) p.

(** One label w > l and a third response o, among any responses: if delta_star < 0, a = |delta_star|/2 > 1 and
    (a - 1) e^a pi_star(o) >= pi_star(l), no gamma gives a local maximum with delta >= 0. *)
Definition thm_4_9_third_response : Prop := forall (T : finType) (ref r : T -> R) beta gamma w l o p,
  full ref -> 0 < beta -> 0 < gamma -> w != l -> w != o -> l != o ->
  let star := pi_star ref r beta in
  let a := Rabs (delta star w l) / 2 in
  delta star w l < 0 -> 1 < a -> star l <= (a - 1) * exp a * star o ->
  local_maximum (penalised ref r beta gamma (one_label w l)) p -> delta p w l < 0.

(** Theorem 4.9 with a third response (refuted): where delta_star < 0, some gamma gives a local maximum that ranks the
    pair as labelled. *)
Definition thm_4_9_three_responses : Prop := forall (ref r : 'I_3 -> R) beta w l,
  full ref -> 0 < beta -> w != l -> delta (pi_star ref r beta) w l < 0 ->
  exists gamma p, 0 < gamma /\ local_maximum (penalised ref r beta gamma (one_label w l)) p /\ 0 < delta p w l.

(** Any responses and labels: p is stationary, along every direction of the simplex, iff
    log p = log pi_star + kappa c / p - nu for one number nu; a local maximum is stationary; and for one label
    beta (delta - delta_ref) = r_w - r_l + gamma (1/p_w + 1/p_l) there. *)
Definition eq_13 : Prop := forall (T : finType) (ref r : T -> R) beta gamma n p,
  full ref -> 0 < beta -> full p ->
  let objective := penalised ref r beta gamma n in
  (stationary_on_simplex objective p <-> exists nu, forall y,
     ln (p y) = ln (pi_star ref r beta y) + gamma / beta * balance n y / p y - nu) /\
  (local_maximum objective p -> stationary_on_simplex objective p) /\
  forall w l, w != l -> n = one_label w l -> stationary_on_simplex objective p ->
    beta * (delta p w l - delta ref w l) = r w - r l + gamma * (1 / p w + 1 / p l).
