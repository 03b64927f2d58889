(** The claims: one definition a statement, in full, in terms of [definitions.v] alone. The name is the statement's id
    with [_] for [-] and [.]. A chapter proves each one ([..._proved]) or its negation ([..._refuted]);
    [claims.toml] says which, and how much of the printed statement the claim covers. *)
From Coq Require Import Reals.
From mathcomp Require Import ssreflect ssrfun ssrbool eqtype ssrnat seq choice fintype bigop path finset fingraph.
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

(** A public grid: of the 75 cells delta = delta_ref + offset, 39 lie strictly in U. *)
Definition grid_u : Prop :=
  let margins := [seq (d, o) | d <- [:: -4; -2; -1; - / 4; / 4], o <- [:: / 10; / 4; / 2; 1; 2]] in
  let cells := [seq (margin, beta) | margin <- margins, beta <- [:: / 2; 1; 2]] in
  size cells = 75%N /\
  count (fun cell => let: (d, o, _) := cell in
           (if Rlt_dec d (d + o) then true else false) && (if Rlt_dec (d + o) 0 then true else false)) cells = 39%N.

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

(** * Chapter 3: the solution set of DPO, and existence for losses of the margin *)

(** inf L is the sum of the blocks' minima (all of which one policy attains). It is attained iff no label joins two
    blocks; the minimisers are then the policies with the fitted proportions in each block, whatever its mass. *)
Definition dpo_solution_set : Prop := forall (T : finType) (ref : T -> R) beta n,
  full ref -> 0 < beta -> weights n ->
  (exists q, (forall a, minimises full (dpo_loss ref beta (of_block n a)) q) /\
     infimum full (dpo_loss ref beta n)
       (\Sum_(a | roots (same_block n) a) dpo_loss ref beta (of_block n a) q)) /\
  ((exists p, minimises full (dpo_loss ref beta n) p) <-> forall w l, ~ joins_two_blocks n w l) /\
  (forall q, (forall a, minimises full (dpo_loss ref beta (of_block n a)) q) ->
     (forall w l, ~ joins_two_blocks n w l) -> forall p, full p ->
     (minimises full (dpo_loss ref beta n) p <-> forall a b, same_block n a b -> delta p a b = delta q a b)).

(** Where two blocks are joined: the limits of minimising sequences are the policies on the source blocks with the
    fitted proportions inside them, and any masses. *)
Definition dpo_limit_set : Prop := forall (T : finType) (ref : T -> R) beta n q v p,
  full ref -> 0 < beta -> weights n ->
  (forall a, minimises full (dpo_loss ref beta (of_block n a)) q) -> infimum full (dpo_loss ref beta n) v ->
  ((exists u : nat -> T -> R, (forall k, full (u k)) /\ Un_cv (fun k => dpo_loss ref beta n (u k)) v /\
      forall y, Un_cv (fun k => u k y) (p y)) <->
   policy p /\ (forall y, ~ in_source_block n y -> p y = 0) /\
   forall a b, same_block n a b -> p a * q b = p b * q a).

(** Responses a, b, c with reference (.2, .3, .5), beta = 1/2, labels a > b with weight 3/4 and b > a with 1/4. Among
    all policies that give a and b some mass the minimisers are (6t, t, 1 - 7t), 0 < t <= 1/7, with loss H(3/4). *)
Definition dpo_set_example : Prop :=
  let a := inord 0 in let b := inord 1 in let c := inord 2 in
  let ref (y : 'I_3) := if y == a then / 5 else if y == b then 3 / 10 else / 2 in
  let n (w l : 'I_3) := if (w == a) && (l == b) then 3 / 4 else if (w == b) && (l == a) then / 4 else 0 in
  let entropy := - (3 / 4 * ln (3 / 4) + / 4 * ln (/ 4)) in
  (forall p, minimises (fun p => policy p /\ 0 < p a /\ 0 < p b) (dpo_loss ref (/ 2) n) p <->
     exists t, 0 < t <= / 7 /\ p a = 6 * t /\ p b = t /\ p c = 1 - 7 * t) /\
  (forall p, minimises (fun p => policy p /\ 0 < p a /\ 0 < p b) (dpo_loss ref (/ 2) n) p ->
     dpo_loss ref (/ 2) n p = entropy) /\
  Rabs (entropy - 5623351446 / 10 ^ 10) <= 5 / 10 ^ 11.

(** Of those minimisers, only one is closest to the reference in KL(p || ref): (.3340943383, .0556823897,
    .6102232719). *)
Definition closest_member : Prop :=
  let a := inord 0 in let b := inord 1 in let c := inord 2 in
  let ref (y : 'I_3) := if y == a then / 5 else if y == b then 3 / 10 else / 2 in
  let n (w l : 'I_3) := if (w == a) && (l == b) then 3 / 4 else if (w == b) && (l == a) then / 4 else 0 in
  exists p, only_minimiser (minimises full (dpo_loss ref (/ 2) n)) (fun p => KL p ref) p /\
    Rabs (p a - 3340943383 / 10 ^ 10) <= 5 / 10 ^ 11 /\ Rabs (p b - 556823897 / 10 ^ 10) <= 5 / 10 ^ 11 /\
    Rabs (p c - 6102232719 / 10 ^ 10) <= 5 / 10 ^ 11.

(** One label and an unlabelled response: whatever share t < 1 goes to w, the loss tends to its infimum 0 with the
    share of l. *)
Definition dpo_unlabelled_response : Prop := forall (T : finType) (ref : T -> R) beta w l t,
  full ref -> 0 < beta -> w != l -> 0 < t < 1 ->
  infimum full (dpo_loss ref beta (one_label w l)) 0 /\
  forall eta, 0 < eta -> exists e, 0 < e /\ forall p, policy p -> p w = t -> 0 < p l < e ->
    dpo_loss ref beta (one_label w l) p < eta.

(** One label: a loss below eps bounds the odds of l, and the bound tends to 0 with eps for every beta. *)
Definition dpo_deterministic_labels : Prop := forall (T : finType) (ref : T -> R) beta w l,
  full ref -> 0 < beta -> w != l ->
  (forall p eps, full p -> dpo_loss ref beta (one_label w l) p < eps ->
     p l / p w < exp (- delta ref w l) * Rpower (exp eps - 1) (/ beta)) /\
  forall eta, 0 < eta -> exists e, 0 < e /\ forall eps, 0 < eps < e ->
    exp (- delta ref w l) * Rpower (exp eps - 1) (/ beta) < eta.

(** A loss whose every label is bounded below, and at each end grows without bound or is monotone from some point on,
    attains its minimum whatever the labels are. *)
Definition attained_on_every_graph : Prop := forall (T : finType) (ref : T -> R) n (L : T -> T -> R -> R),
  full ref -> weights n ->
  (forall w l, continuity (L w l) /\ (exists m, forall x, m <= L w l x) /\
     ((forall M, exists H, forall x, H <= x -> M <= L w l x) \/
      (exists H, forall x y, H <= x <= y -> L w l x <= L w l y)) /\
     ((forall M, exists H, forall x, x <= H -> M <= L w l x) \/
      (exists H, forall x y, x <= y <= H -> L w l y <= L w l x))) ->
  exists p, minimises full (pair_loss ref n L) p.

(** A loss whose every label is positive, tends to 0 as its margin grows and to infinity as it falls: the infimum is
    that of the labels inside blocks, which is attained; the whole is attained iff no label joins two blocks. *)
Definition attained_iff_no_label_joins_blocks : Prop := forall (T : finType) (ref : T -> R) n (L : T -> T -> R -> R),
  full ref -> weights n ->
  (forall w l, continuity (L w l) /\ (forall x, 0 < L w l x) /\
     (forall eps, 0 < eps -> exists H, forall x, H <= x -> L w l x < eps) /\
     (forall M, exists H, forall x, x <= H -> M <= L w l x)) ->
  (exists q, minimises full (pair_loss ref (inside n) L) q /\
     infimum full (pair_loss ref n L) (pair_loss ref (inside n) L q)) /\
  ((exists p, minimises full (pair_loss ref n L) p) <-> forall w l, ~ joins_two_blocks n w l).

(** The cut theorem. Let a and b be the slopes of a label's loss far out on its winner's and on its loser's side,
    which it approaches from strictly below and within a constant. The loss is bounded below iff no cut is negative;
    it attains its minimum iff every cut that some label crosses is positive. *)
Definition existence_by_cuts : Prop := forall (T : finType) (ref : T -> R) n (L : T -> T -> R -> R) a b C,
  full ref -> weights n ->
  (forall w l x, a w l * Rmax 0 x + b w l * Rmax 0 (- x) - C <= L w l x) ->
  (forall w l x t, 0 < t -> L w l (x + t) < L w l x + a w l * t /\ L w l (x - t) < L w l x + b w l * t) ->
  (bounded_below full (pair_loss ref n L) <-> forall S, 0 <= cut a b n S) /\
  ((exists p, minimises full (pair_loss ref n L) p) <-> forall S, crossed n S -> 0 < cut a b n S).

(** DPO by cuts: attained iff every set of responses that a label crosses loses some label to the others. *)
Definition dpo_existence_by_cuts : Prop := forall (T : finType) (ref : T -> R) beta n,
  full ref -> 0 < beta -> weights n ->
  ((exists p, minimises full (dpo_loss ref beta n) p) <-> forall S, crossed n S -> 0 < lost_by S n).

(** cDPO, label noise eps: attained whatever the labels are, and h is unique on every label. *)
Definition cdpo_existence : Prop := forall (T : finType) (ref : T -> R) beta eps n,
  full ref -> 0 < beta -> 0 < eps < 1 -> weights n ->
  let loss := pair_loss ref n (fun _ _ x => (1 - eps) * sp (- (beta * x)) + eps * sp (beta * x)) in
  (exists p, minimises full loss p) /\
  forall p q, minimises full loss p -> minimises full loss q -> forall w l, 0 < n w l -> h ref p w l = h ref q w l.

(** rDPO, label noise eps: bounded below iff in every cut each side has at least a share eps of the labels that cross
    it; attained iff it has strictly more wherever a label crosses, and then h is unique on every label. *)
Definition rdpo_existence : Prop := forall (T : finType) (ref : T -> R) beta eps n,
  full ref -> 0 < beta -> 0 <= eps < / 2 -> weights n ->
  let loss := pair_loss ref n
    (fun _ _ x => ((1 - eps) * sp (- (beta * x)) - eps * sp (beta * x)) / (1 - 2 * eps)) in
  (bounded_below full loss <-> forall S, eps * won_by S n <= (1 - eps) * lost_by S n) /\
  ((exists p, minimises full loss p) <-> forall S, crossed n S -> eps * won_by S n < (1 - eps) * lost_by S n) /\
  forall p q, minimises full loss p -> minimises full loss q -> forall w l, 0 < n w l -> h ref p w l = h ref q w l.

(** IPO with parameter tau: attained whatever the labels are, and h is unique on every label. *)
Definition ipo_existence : Prop := forall (T : finType) (ref : T -> R) tau n,
  full ref -> 0 < tau -> weights n ->
  let loss := pair_loss ref n (fun _ _ x => (x - / (2 * tau)) ^ 2) in
  (exists p, minimises full loss p) /\
  forall p q, minimises full loss p -> minimises full loss q -> forall w l, 0 < n w l -> h ref p w l = h ref q w l.

(** * Chapter 4: thresholds *)

(** One label: the pair is ranked right iff the loss is below sp(beta delta_ref); every level above is reached with it
    ranked wrong. *)
Definition threshold_one_pair : Prop := forall (T : finType) (ref : T -> R) beta w l,
  full ref -> 0 < beta -> w != l ->
  (forall p, full p -> (0 < delta p w l <-> dpo_loss ref beta (one_label w l) p < sp (beta * delta ref w l))) /\
  forall level, sp (beta * delta ref w l) < level ->
    exists p, full p /\ dpo_loss ref beta (one_label w l) p = level /\ delta p w l < 0.

(** One label, ranked wrong by t: how far its loss is above that threshold. *)
Definition threshold_margin : Prop := forall (T : finType) (ref : T -> R) beta w l p t,
  full ref -> 0 < beta -> full p -> 0 < t -> delta p w l = - t ->
  let excess := ln (1 + sigma (beta * delta ref w l) * (exp (beta * t) - 1)) in
  dpo_loss ref beta (one_label w l) p - sp (beta * delta ref w l) = excess /\ 0 < excess.

(** Any labels, v the infimum of the loss where the label w > l is not ranked right: below v it is, every level above v
    is reached with it ranked wrong, and so it can be wrong while the loss falls iff v is below the start. *)
Definition threshold_general : Prop := forall (T : finType) (ref : T -> R) beta n w l v,
  full ref -> 0 < beta -> weights n -> 0 < n w l -> w != l ->
  infimum (fun p => full p /\ delta p w l <= 0) (dpo_loss ref beta n) v ->
  (forall p, full p -> dpo_loss ref beta n p < v -> 0 < delta p w l) /\
  (forall level, v < level -> exists p, full p /\ dpo_loss ref beta n p = level /\ delta p w l < 0) /\
  (v < dpo_loss ref beta n ref <->
   exists p, full p /\ dpo_loss ref beta n p < dpo_loss ref beta n ref /\ delta p w l < 0).

(** Pairs of equal weight that share no response: k of them can be ranked wrong at a loss below tau iff the k least
    costs sp(beta delta_ref) add up to less than tau. *)
Definition worst_case_accuracy : Prop := forall (T I : finType) (ref : T -> R) beta (w l : I -> T) tau order k,
  full ref -> 0 < beta -> injective w -> injective l -> (forall i j, w i != l j) ->
  let loss p := \Sum_i sp (- (beta * h ref p (w i) (l i))) in
  let cost i := sp (beta * delta ref (w i) (l i)) in
  perm_eq order (enum I) -> sorted (fun i j => if Rle_dec (cost i) (cost j) then true else false) order ->
  (k <= #|I|)%N ->
  ((exists p (A : {set I}), full p /\ loss p < tau /\ #|A| = k /\ forall i, i \in A -> delta p (w i) (l i) < 0) <->
   \big[Rplus/0]_(i <- take k order) cost i < tau).

(** The same by sorting when weights differ (refuted): if taking the costs in rising order stops after k pairs, no
    policy with a loss below tau has more weight of pairs ranked wrong than those k. *)
Definition worst_case_accuracy_weights : Prop :=
  forall (T I : finType) (ref : T -> R) beta (w l : I -> T) (n : I -> R) tau order k p (A : {set I}),
  full ref -> 0 < beta -> (forall i, 0 < n i) -> injective w -> injective l -> (forall i j, w i != l j) ->
  let loss p := \Sum_i (n i * sp (- (beta * h ref p (w i) (l i)))) in
  let cost i := n i * sp (beta * delta ref (w i) (l i)) in
  perm_eq order (enum I) -> sorted (fun i j => if Rle_dec (cost i) (cost j) then true else false) order ->
  \big[Rplus/0]_(i <- take k order) cost i < tau -> tau <= \big[Rplus/0]_(i <- take k.+1 order) cost i ->
  full p -> loss p < tau -> (forall i, i \in A -> delta p (w i) (l i) < 0) ->
  \Sum_(i | i \in A) n i <= \big[Rplus/0]_(i <- take k order) n i.

(** Trainers log h > 0 as accuracy (refuted): then the policy ranks the pair right. *)
Definition accuracy_logged : Prop := forall (T : finType) (ref p : T -> R) w l,
  full ref -> full p -> 0 < h ref p w l -> 0 < delta p w l.

(** A falling loss raises the chosen probability (refuted). *)
Definition chosen_falls : Prop := forall (T : finType) (ref : T -> R) beta w l p,
  full ref -> 0 < beta -> w != l -> full p ->
  dpo_loss ref beta (one_label w l) p < dpo_loss ref beta (one_label w l) ref -> ref w <= p w.
