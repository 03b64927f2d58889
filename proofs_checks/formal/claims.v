(** The claims: one definition a statement, in full, in terms of [definitions.v] alone. The name is the statement's id
    with [_] for [-] and [.]. A chapter proves each one ([..._proved]) or its negation ([..._refuted]);
    [claims.toml] says which, and how much of the printed statement the claim covers. *)
From Coq Require Import Reals.
From mathcomp Require Import ssreflect ssrfun ssrbool eqtype ssrnat seq choice fintype bigop path fingraph.
From Formal Require Import definitions.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Open Scope R_scope.

(** * Chapter 1: the RLHF optimum *)

(** J(p) = V - beta KL(p || pi_star), so pi_star is the only maximiser among all policies, those with zeros included. *)
Definition rlhf_closed_form : Prop := forall (T : finType) (ref r : T -> R) beta,
  full ref -> 0 < beta ->
  full (pi_star ref r beta) /\
  (forall p, policy p -> J ref r beta p = V ref r beta - beta * KL p (pi_star ref r beta)) /\
  J ref r beta (pi_star ref r beta) = V ref r beta /\
  only_maximiser policy (J ref r beta) (pi_star ref r beta).

(** dV/dbeta = -KL(pi_star || ref), and the mean reward rises in 1/beta at the rate of its variance. *)
Definition rlhf_derivatives : Prop := forall (T : finType) (ref r : T -> R) beta,
  full ref -> 0 < beta ->
  derivable_pt_lim (fun b => V ref r b) beta (- KL (pi_star ref r beta) ref) /\
  derivable_pt_lim (fun t => mean (pi_star ref r (/ t)) r) (/ beta) (variance (pi_star ref r beta) r).

(** Two rewards have one optimum iff they differ by a constant; beta log pi_star/ref is in the class of r. *)
Definition rlhf_reward_class : Prop := forall (T : finType) (ref r f : T -> R) beta,
  full ref -> 0 < beta ->
  (pi_star ref (fun y => r y + f y) beta = pi_star ref r beta <-> exists c, forall y, f y = c) /\
  exists c, forall y, beta * ln (pi_star ref r beta y / ref y) = r y + c.

(** pi_star ranks w above l iff delta_ref > - (r_w - r_l) / beta. *)
Definition assumption_3_1 : Prop := forall (T : finType) (ref r : T -> R) beta w l,
  full ref -> 0 < beta ->
  (pi_star ref r beta w > pi_star ref r beta l <-> delta ref w l > - (r w - r l) / beta).

(** U is non-empty iff the reference prefers l. *)
Definition def_3_3 : Prop := forall (T : finType) (ref : T -> R) w l,
  full ref -> w != l -> ((exists p, U ref w l p) <-> delta ref w l < 0).

(** On U the loss of the label is below its start, log 2, and the policy prefers l. *)
Definition def_3_3_loss : Prop := forall (T : finType) (ref : T -> R) beta w l p,
  full ref -> 0 < beta -> U ref w l p ->
  dpo_loss ref beta (one_label w l) p < dpo_loss ref beta (one_label w l) ref /\
  dpo_loss ref beta (one_label w l) ref = ln 2 /\ p w < p l.

(** If delta_ref < - (r_w - r_l) / beta then pi_star itself lies in U. *)
Definition prop_3_4 : Prop := forall (T : finType) (ref r : T -> R) beta w l,
  full ref -> 0 < beta -> 0 < r w - r l -> delta ref w l < - (r w - r l) / beta ->
  U ref w l (pi_star ref r beta).

(** The converse reading (refuted): U is non-empty only if delta_ref < - (r_w - r_l) / beta. *)
Definition prop_3_4_necessity : Prop := forall (T : finType) (ref r : T -> R) beta w l,
  full ref -> 0 < beta -> 0 < r w - r l -> (exists p, U ref w l p) -> delta ref w l < - (r w - r l) / beta.

(** The slope of the loss is - beta times a factor that falls strictly in delta, to sigma(beta delta_ref) > 0 at 0. *)
Definition prop_3_4_weaker : Prop := forall beta delta_ref, 0 < beta ->
  (forall d, derivable_pt_lim (fun d => sp (- (beta * (d - delta_ref)))) d
                              (- (beta * sigma (- (beta * (d - delta_ref)))))) /\
  (forall d d', d < d' -> sigma (- (beta * (d' - delta_ref))) < sigma (- (beta * (d - delta_ref)))) /\
  sigma (- (beta * (0 - delta_ref))) = sigma (beta * delta_ref) /\ 0 < sigma (beta * delta_ref).

(** The gradient vanishes at the boundary of U (refuted). *)
Definition prop_3_4_vanishes : Prop := forall beta delta_ref,
  0 < beta -> delta_ref < 0 -> sigma (- (beta * (0 - delta_ref))) = 0.

(** * Chapter 2: DPO and RLHF *)

(** In s = beta log(p / ref) the loss is the Bradley-Terry likelihood of s, every s is reached, and so the infimum is
    that of the likelihood, which knows neither the reference nor beta. *)
Definition dpo_bradley_terry : Prop := forall (T : finType) (ref : T -> R) beta n,
  full ref -> 0 < beta ->
  (forall p, full p -> dpo_loss ref beta n p = bradley_terry n (fun y => beta * ln (p y / ref y))) /\
  (forall s, full (policy_of ref beta s) /\ dpo_loss ref beta n (policy_of ref beta s) = bradley_terry n s) /\
  (forall v, infimum full (dpo_loss ref beta n) v <-> infimum anything (bradley_terry n) v).

(** One label: the loss falls strictly in delta, its infimum is 0, and nothing attains it. *)
Definition dpo_ordered : Prop := forall (T : finType) (ref : T -> R) beta w l,
  full ref -> 0 < beta -> w != l ->
  (forall p, dpo_loss ref beta (one_label w l) p = sp (- (beta * (delta p w l - delta ref w l)))) /\
  (forall d, derivable_pt_lim (fun d => sp (- (beta * (d - delta ref w l)))) d
                              (- (beta * sigma (- (beta * (d - delta ref w l))))) /\
             - (beta * sigma (- (beta * (d - delta ref w l)))) < 0) /\
  infimum full (dpo_loss ref beta (one_label w l)) 0 /\
  ~ exists p, minimises full (dpo_loss ref beta (one_label w l)) p.

(** One pair labelled at Bradley-Terry rates: least exactly where delta = delta_ref + (r_w - r_l) / beta,
    which is the margin of pi_star. *)
Definition dpo_population : Prop := forall (T : finType) (ref r : T -> R) beta w l,
  full ref -> 0 < beta -> w != l ->
  (forall p, minimises full (dpo_loss ref beta (population r (one_label w l))) p <->
             full p /\ delta p w l = delta ref w l + (r w - r l) / beta) /\
  delta (pi_star ref r beta) w l = delta ref w l + (r w - r l) / beta.

(** Theorem 3.5 as printed (refuted): pi_star minimises the DPO loss iff the condition holds on every pair, whether a
    pair is labelled once or both ways at Bradley-Terry rates. *)
Definition thm_3_5 : Prop := forall (T : finType) (ref r : T -> R) beta m n,
  full ref -> 0 < beta -> weights m -> one_order m -> n = m \/ n = population r m ->
  (minimises full (dpo_loss ref beta n) (pi_star ref r beta) <->
   forall w l, 0 < m w l -> delta ref w l > - (r w - r l) / beta).

(** Its "if", with one label a pair (refuted). *)
Definition thm_3_5_if : Prop := forall (T : finType) (ref r : T -> R) beta m,
  full ref -> 0 < beta -> weights m -> one_order m ->
  (forall w l, 0 < m w l -> delta ref w l > - (r w - r l) / beta) ->
  minimises full (dpo_loss ref beta m) (pi_star ref r beta).

(** Its "only if", with population labels (refuted). *)
Definition thm_3_5_only_if : Prop := forall (T : finType) (ref r : T -> R) beta m,
  full ref -> 0 < beta -> weights m -> one_order m ->
  minimises full (dpo_loss ref beta (population r m)) (pi_star ref r beta) ->
  forall w l, 0 < m w l -> delta ref w l > - (r w - r l) / beta.

(** Repaired: population labels on pairs that connect all responses have one minimiser, pi_star, whatever the
    reference. *)
Definition thm_3_5_repaired : Prop := forall (T : finType) (ref r : T -> R) beta m,
  full ref -> 0 < beta -> weights m -> connected m ->
  only_minimiser full (dpo_loss ref beta (population r m)) (pi_star ref r beta).

(** That minimiser ranks w above l iff the condition of Theorem 3.5 holds. *)
Definition thm_3_5_ranking : Prop := forall (T : finType) (ref r : T -> R) beta m p w l,
  full ref -> 0 < beta -> weights m -> connected m -> minimises full (dpo_loss ref beta (population r m)) p ->
  (p w > p l <-> delta ref w l > - (r w - r l) / beta).

(** * Chapter 3: the solution set of DPO, and existence for losses of differences *)

(** * Chapter 4: thresholds *)

(** * Chapter 5: gradient flow *)

(** * Chapter 6: the penalised objective *)

(** * Chapter 7: the hard constraint and the released losses *)
