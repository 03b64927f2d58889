(** What the claims speak of. The definitions and the claims are all that a reader has to trust beside Coq itself:
    every other file proves something about what stands here.

    Responses form a finite type [T]; a policy, a reward, a score is a function [T -> R]. Labels are a table of
    weights: [n w l] is the weight of the label "w is preferred to l", 0 where there is none. Logarithms are natural.
    Coq's [ln] and [/] are total, [ln x = 0] for [x <= 0] and [x / 0] some number: hence every "full" below. *)
From Coq Require Import Reals Lra.
From mathcomp Require Import ssreflect ssrfun ssrbool eqtype ssrnat seq choice fintype bigop path finset fingraph.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Open Scope R_scope.

(** * Finite sums: the laws of real numbers that mathcomp's [\big] asks for *)

Lemma plus_assoc : associative Rplus. Proof. by move=> *; lra. Qed.
Lemma plus_comm : commutative Rplus. Proof. by move=> *; lra. Qed.
Lemma plus_0_l : left_id 0 Rplus. Proof. by move=> *; lra. Qed.
Lemma plus_0_r : right_id 0 Rplus. Proof. by move=> *; lra. Qed.
Lemma mult_0_l : left_zero 0 Rmult. Proof. by move=> *; lra. Qed.
Lemma mult_0_r : right_zero 0 Rmult. Proof. by move=> *; lra. Qed.
Lemma mult_plus_l : left_distributive Rmult Rplus. Proof. by move=> *; lra. Qed.
Lemma mult_plus_r : right_distributive Rmult Rplus. Proof. by move=> *; lra. Qed.
Canonical plus_monoid := Monoid.Law plus_assoc plus_0_l plus_0_r.
Canonical plus_comoid := Monoid.ComLaw plus_comm.
Canonical mult_mulmonoid := Monoid.MulLaw mult_0_l mult_0_r.
Canonical plus_addlaw := Monoid.AddLaw mult_plus_l mult_plus_r.

Notation "\Sum_ i F" := (\big[Rplus/0]_i F) (at level 41, i at level 0, F at level 41).
Notation "\Sum_ ( i | P ) F" := (\big[Rplus/0]_(i | P) F) (at level 41, i at level 50, F at level 41).

(** * Least and greatest, of a function [L] over the points of a domain [D] *)

Section Extremes.
Variables (X : Type) (D : X -> Prop) (L : X -> R).
Definition minimises x := D x /\ forall x', D x' -> L x <= L x'.
Definition maximises x := D x /\ forall x', D x' -> L x' <= L x.
Definition only_minimiser x := minimises x /\ forall x', minimises x' -> x' = x.
Definition only_maximiser x := maximises x /\ forall x', maximises x' -> x' = x.
Definition bounded_below := exists m, forall x, D x -> m <= L x.
Definition unbounded_above := forall M, exists x, D x /\ M < L x.
Definition infimum v := (forall x, D x -> v <= L x) /\ forall eps, 0 < eps -> exists x, D x /\ L x < v + eps.
End Extremes.

(** The domain of all functions. *)
Definition anything {X : Type} (_ : X) := True.

(** * Policies *)

Section Policies.
Variable T : finType.
Implicit Types p q : T -> R.
Definition policy p := (forall y, 0 <= p y) /\ \Sum_y p y = 1.
(** full support, as a softmax policy has *)
Definition full p := (forall y, 0 < p y) /\ \Sum_y p y = 1.
(** 0 log 0 = 0, because the factor is 0 *)
Definition KL p q := \Sum_y (p y * ln (p y / q y)).
Definition mean p (f : T -> R) := \Sum_y (p y * f y).
Definition variance p (f : T -> R) := mean p (fun y => (f y - mean p f) ^ 2).
Definition normalised (q : T -> R) y := q y / \Sum_z q z.
Definition delta p w l := ln (p w) - ln (p l).
Definition h (ref p : T -> R) w l := delta p w l - delta ref w l.
(** the undesirable set of Definition 3.3, for the pair (w, l): better than the reference, and still wrong *)
Definition U ref w l p := full p /\ delta ref w l < delta p w l < 0.
(** a local maximum among policies of full support *)
Definition local_maximum (F : (T -> R) -> R) p :=
  full p /\ exists eps, 0 < eps /\
  forall q, full q -> (forall y, Rabs (q y - p y) < eps) -> F q <= F p.
End Policies.
Arguments policy {T} p.
Arguments full {T} p.

(** * RLHF: mean reward less [beta] times KL to the reference, its optimum and its value *)

Section RLHF.
Variables (T : finType) (ref r : T -> R) (beta : R).
Definition J p := mean p r - beta * KL p ref.
Definition partition := \Sum_y (ref y * exp (r y / beta)).
Definition pi_star y := ref y * exp (r y / beta) / partition.
Definition V := beta * ln partition.
End RLHF.

(** * DPO *)

(** softplus and the logistic function *)
Definition sp z := ln (1 + exp z).
Definition sigma z := / (1 + exp (- z)).

Section Labels.
Variable T : finType.
Definition weights (n : T -> T -> R) := forall w l, 0 <= n w l.
Definition dpo_loss (ref : T -> R) beta n p := \Sum_w \Sum_l (n w l * sp (- (beta * h ref p w l))).
(** negative Bradley-Terry log-likelihood of scores: w beats l with probability [sigma (s w - s l)] *)
Definition bradley_terry n (s : T -> R) := \Sum_w \Sum_l (n w l * - ln (sigma (s w - s l))).
(** the policy with log-ratios [s / beta] up to a constant *)
Definition policy_of (ref : T -> R) beta (s : T -> R) := normalised (fun y => ref y * exp (s y / beta)).
(** one label, w > l *)
Definition one_label (w l a b : T) : R := if (a == w) && (b == l) then 1 else 0.
(** every pair labelled in one order only *)
Definition one_order (m : T -> T -> R) := forall w l, 0 < m w l -> m l w = 0.
(** population labels: the pair w > l, of weight [m w l], is labelled both ways at Bradley-Terry rates *)
Definition population (r : T -> R) m w l : R := (m w l + m l w) * sigma (r w - r l).

(** ** The digraph of the labels and its strongly connected components, the blocks *)
Variable n : T -> T -> R.
Definition label : rel T := fun w l => if Rlt_dec 0 (n w l) then true else false.
Definition linked : rel T := fun a b => label a b || label b a.
Definition connected := forall a b, connect linked a b.
Definition same_block : rel T := fun a b => connect label a b && connect label b a.
Definition joins_two_blocks w l := label w l /\ ~~ same_block w l.
(** a block that no label from outside enters *)
Definition in_source_block l := forall w, connect label w l -> same_block w l.
(** the labels inside blocks, and inside the block of one response *)
Definition inside w l := if same_block w l then n w l else 0.
Definition of_block a w l := if same_block a w && same_block a l then n w l else 0.
End Labels.

(** * Other losses of the margin: [L w l] is the loss of the label w > l as a function of its [h] *)

Section PairLosses.
Variable T : finType.
Definition pair_loss ref n (L : T -> T -> R -> R) p := \Sum_w \Sum_l (n w l * L w l (h ref p w l)).
(** the labels of which only the winner is in [S], and those of which only the loser is *)
Definition won_by (S : {set T}) (n : T -> T -> R) := \Sum_w \Sum_l (if (w \in S) && (l \notin S) then n w l else 0).
Definition lost_by (S : {set T}) (n : T -> T -> R) := won_by (~: S) n.
Definition crossed (n : T -> T -> R) (S : {set T}) := exists w l, 0 < n w l /\ (w \in S) != (l \in S).
(** what a unit of distance costs between the responses of [S], raised, and the others, where the loss of a label has
    slope [a] far on its winner's side and [b] far on its loser's *)
Definition cut (a b : T -> T -> R) n (S : {set T}) :=
  won_by S (fun w l => n w l * a w l) + lost_by S (fun w l => n w l * b w l).
End PairLosses.

(** * The penalised objective of Eq. 10: RLHF plus [gamma] times the weighted margins *)

Section Penalised.
Variables (T : finType) (ref r : T -> R) (beta gamma : R) (n : T -> T -> R).
Definition penalised p := J ref r beta p + gamma * \Sum_w \Sum_l (n w l * delta p w l).
(** weighted wins less losses *)
Definition balance y := \Sum_l n y l - \Sum_w n w y.
End Penalised.

(** * The hard constraint: [p w >= exp (m w l) * p l] for every pair of an order [E] *)

Section Constrained.
Variables (T : finType) (E : rel T) (m : T -> T -> R).
Definition feasible p := policy p /\ forall w l, E w l -> exp (m w l) * p l <= p w.
Definition projection star p := minimises feasible (fun q => KL q star) p.
(** multipliers, their pull on each log-probability, and the policy that they tilt [star] to *)
Definition multipliers (lam : T -> T -> R) := forall w l, 0 <= lam w l /\ (~~ E w l -> lam w l = 0).
Definition pull (lam : T -> T -> R) y := \Sum_l lam y l - \Sum_w (exp (m w y) * lam w y).
Definition tilted star lam := normalised (fun y => star y * exp (pull lam y)).
Definition tilted_mass (star : T -> R) lam := \Sum_y (star y * exp (pull lam y)).
End Constrained.
