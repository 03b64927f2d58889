(** The claims on constrained preference optimisation: flows, the penalised objective, the hard constraint. Their form
    is that of [claims.v]. *)
From Coq Require Import Reals List.
From Coquelicot Require Import Coquelicot.
From mathcomp Require Import ssreflect ssrfun ssrbool eqtype ssrnat seq choice fintype bigop path fingraph.
From Formal Require Import definitions definitions_cpo.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Open Scope R_scope.

(** * Chapter 5: gradient flow of one pair in softmax logits, from the reference *)

(** u = beta h - margin satisfies u + e^u = 2 beta^2 t + e^(-margin) - margin at all times. *)
Definition flow_trajectory : Prop := forall (T : finType) beta delta_ref margin (w l : T) z,
  w != l -> gradient_flow (logit_loss beta delta_ref margin w l) z -> z 0 w - z 0 l = delta_ref ->
  forall t, 0 <= t -> let u := beta * (z t w - z t l - delta_ref) - margin in
  u + exp u = 2 * beta ^ 2 * t + exp (- margin) - margin.

(** delta rises strictly at all times. *)
Definition flow_monotone : Prop := forall (T : finType) beta delta_ref margin (w l : T) z,
  w != l -> 0 < beta -> gradient_flow (logit_loss beta delta_ref margin w l) z ->
  forall s t, 0 <= s < t -> z s w - z s l < z t w - z t l.

(** From delta_ref = - d < 0, delta = 0 is reached at the escape time and at no other. *)
Definition escape_time : Prop := forall (T : finType) beta d margin (w l : T) z,
  w != l -> 0 < beta -> 0 < d -> gradient_flow (logit_loss beta (- d) margin w l) z -> z 0 w - z 0 l = - d ->
  forall t, 0 <= t -> (z t w - z t l = 0 <-> t = escape_time_at beta margin d).

(** Without a margin it is exponential in beta d. *)
Definition escape_time_exponential : Prop := forall beta d, 0 < beta -> 0 < d ->
  exp (beta * d) - 1 < 2 * beta ^ 2 * escape_time_at beta 0 d < 2 * (exp (beta * d) - 1).

(** With a margin of at least beta d it is linear, and tends to d / (2 beta) as the margin grows. *)
Definition escape_time_linear : Prop := forall beta d, 0 < beta -> 0 < d ->
  (forall margin, beta * d <= margin ->
     d / (2 * beta) < escape_time_at beta margin d < d / (2 * beta) + 1 / (2 * beta ^ 2)) /\
  forall eps, 0 < eps -> exists M, forall margin, M <= margin ->
     Rabs (escape_time_at beta margin d - d / (2 * beta)) < eps.

(** One label under DPO: the winner's probability always rises, the loser's always falls, and any other response gains
    exactly while the pair is ranked wrong. *)
Definition flow_third_response : Prop := forall (T : finType) beta delta_ref (w l : T) z,
  w != l -> 0 < beta -> gradient_flow (logit_loss beta delta_ref 0 w l) z ->
  forall t, 0 <= t -> forall y, exists rate,
    derivable_pt_lim (fun s => ln (softmax (z s) y)) t rate /\
    (y = w -> 0 < rate) /\ (y = l -> rate < 0) /\
    (y != w -> y != l -> (0 < rate <-> softmax (z t) w < softmax (z t) l)).

(** The labels a > b and b > c: b, chosen in the second, starts to lose probability exactly where the reference puts
    more on a than on c; a chosen probability may fall without a wrong label. *)
Definition flow_chain : Prop := forall (T : finType) (ref : T -> R) beta (a b c : T) z,
  a != b -> b != c -> a != c -> full ref -> 0 < beta ->
  gradient_flow (fun x => logit_loss beta (delta ref a b) 0 a b x + logit_loss beta (delta ref b c) 0 b c x) z ->
  softmax (z 0) = ref ->
  derivable_pt_lim (fun s => ln (softmax (z s) b)) 0 (- (beta / 2 * (ref a - ref c))).

(** Gradient flow of DPO on any labels, from the reference, where no label joins two blocks. Over every component the
    logits keep their sum; the policy converges, to a minimiser; its log-ratios have the same mean over every component,
    and it is the only minimiser that has them so. *)
Definition flow_member : Prop := forall (T : finType) (ref : T -> R) beta n z,
  full ref -> 0 < beta -> weights n -> (forall w l, ~ joins_two_blocks n w l) ->
  gradient_flow (fun x => dpo_loss ref beta n (softmax x)) z -> softmax (z 0) = ref ->
  let component a := connect (linked n) a in
  let mean_ratio p a := (\Sum_(y | component a y) ln (p y / ref y)) / (\Sum_(y | component a y) 1) in
  (forall t a, 0 <= t -> \Sum_(y | component a y) z t y = \Sum_(y | component a y) z 0 y) /\
  exists p, minimises full (dpo_loss ref beta n) p /\
    (forall y eps, 0 < eps -> exists M, forall t, M <= t -> Rabs (softmax (z t) y - p y) < eps) /\
    (forall a b, mean_ratio p a = mean_ratio p b) /\
    forall q, minimises full (dpo_loss ref beta n) q -> (forall a b, mean_ratio q a = mean_ratio q b) -> q = p.

(** Responses a, b, c with reference (.2, .3, .5), beta = 1/2, labels a > b with weight 3/4 and b > a with 1/4: of all
    minimisers one has log-ratios of mean 0 over a and b once they are 0 at c, (1/2, 1/12, 5/12), and gradient flow from
    the reference ends there. *)
Definition flow_member_example : Prop :=
  let a := inord 0 in let b := inord 1 in let c := inord 2 in
  let ref (y : 'I_3) := if y == a then / 5 else if y == b then 3 / 10 else / 2 in
  let n (w l : 'I_3) := if (w == a) && (l == b) then 3 / 4 else if (w == b) && (l == a) then / 4 else 0 in
  let ends p := p a = / 2 /\ p b = / 12 /\ p c = 5 / 12 in
  (forall p, minimises full (dpo_loss ref (/ 2) n) p -> ((h ref p a c + h ref p b c) / 2 = 0 <-> ends p)) /\
  forall z, gradient_flow (fun x => dpo_loss ref (/ 2) n (softmax x)) z -> softmax (z 0) = ref ->
    exists p, ends p /\ forall y eps, 0 < eps -> exists M, forall t, M <= t -> Rabs (softmax (z t) y - p y) < eps.

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

(** Stationary policies through Lambert W, w e^w = v. Where c = 0, p = star e^-nu; elsewhere p = kappa c / w for a real
    solution w at v = kappa c e^nu / star. Such solutions: one for v >= 0, two for -1/e < v < 0, one above and one below
    -1, only -1 at -1/e, and none below. *)
Definition eq_13_lambert : Prop :=
  (forall (T : finType) (ref r p : T -> R) beta gamma n nu, full ref -> 0 < beta -> gamma <> 0 -> full p ->
     let kappa := gamma / beta in
     let star := pi_star ref r beta in
     (forall y, ln (p y) = ln (star y) + kappa * balance n y / p y - nu) <->
     forall y, (balance n y = 0 -> p y = star y * exp (- nu)) /\
       (balance n y <> 0 -> exists w, w * exp w = kappa * balance n y * exp nu / star y /\
          p y = kappa * balance n y / w)) /\
  (forall v, 0 <= v -> exists w, w * exp w = v /\ forall x, x * exp x = v -> x = w) /\
  (forall v, - exp (- (1)) < v < 0 -> exists a b, a < -1 < b /\ b < 0 /\ a * exp a = v /\ b * exp b = v /\
     forall x, x * exp x = v -> x = a \/ x = b) /\
  (forall x, x * exp x = - exp (- (1)) <-> x = -1) /\
  forall v x, v < - exp (- (1)) -> x * exp x <> v.

(** The public grid of Eq. 10: ref(w) in {.1, .25, .5, .75, .9}, r_w - r_l in {.1, .5, 1}, beta in {.5, 1, 2}. The
    objective exceeds 1000 in all 135 cells with gamma in {.01, .05, .1}, and in none of the 45 with gamma = 0. *)
Definition grid_unbounded : Prop := forall mass gain beta,
  List.In mass [:: 1/10; 1/4; 1/2; 3/4; 9/10] -> List.In gain [:: 1/10; 1/2; 1] -> List.In beta [:: 1/2; 1; 2] ->
  let ref b := if b then mass else 1 - mass in
  let r b := if b then gain else 0 in
  (forall gamma, List.In gamma [:: 1/100; 5/100; 1/10] ->
     exists p, full p /\ 1000 < penalised ref r beta gamma (one_label true false) p) /\
  forall p, full p -> penalised ref r beta 0 (one_label true false) p <= 1000.


(** * Chapter 7: the hard constraint [p w >= exp (m w l) * p l] on the pairs of an order [E] *)

(** What a gap proves. For any feasible p and any multipliers, KL(p || star) + log S is the divergence of p from the
    tilted policy plus slacks times multipliers: so - log S is at most every feasible KL, and a feasible p is as near
    to the projection, where there is one, as its gap says. *)
Definition hard_gap : Prop := forall (T : finType) (E : rel T) m (star : T -> R) lam p,
  full star -> multipliers E lam -> feasible E m p ->
  let gap := KL p star + ln (tilted_mass m star lam) in
  gap = KL p (tilted m star lam) + \Sum_w \Sum_l (lam w l * (p w - exp (m w l) * p l)) /\
  (forall q, feasible E m q -> - ln (tilted_mass m star lam) <= KL q star) /\
  forall q, projection E m star q -> KL p star <= KL q star + gap /\ (\Sum_y Rabs (p y - q y)) ^ 2 <= 2 * gap.

(** The Karush-Kuhn-Tucker conditions suffice: a tilted policy that is feasible, with multipliers on tight pairs only,
    is the one projection, at KL = - log S. *)
Definition hard_kkt : Prop := forall (T : finType) (E : rel T) m (star : T -> R) lam,
  full star -> multipliers E lam -> let p := tilted m star lam in
  feasible E m p -> (forall w l, lam w l * (p w - exp (m w l) * p l) = 0) ->
  only_minimiser (feasible E m) (fun q => KL q star) p /\ KL p star = - ln (tilted_mass m star lam).

(** One pair w > l with margin m among any responses: with lambda = max(0, m - delta_star)/(1 + e^m) the projection
    multiplies star(w) by e^lambda, star(l) by e^(- lambda e^m), and normalises. *)
Definition hard_one_pair : Prop := forall (T : finType) (star : T -> R) w l margin,
  full star -> w != l ->
  let lambda := Rmax 0 (margin - delta star w l) / (1 + exp margin) in
  only_minimiser (feasible (fun a b => (a == w) && (b == l)) (fun _ _ => margin)) (fun q => KL q star)
    (normalised (fun y => star y * exp (if y == w then lambda else if y == l then - lambda * exp margin else 0))).

(** An example with a margin: where pi_star is (.1, .4, .5), the optimum of RLHF under p_0 >= 2 p_1 is (1/4, 1/8, 5/8),
    at a price of beta log(5/4). *)
Definition hard_example_margin : Prop := forall (ref r : 'I_3 -> R) beta,
  let a := inord 0 in let b := inord 1 in let c := inord 2 in
  let star := pi_star ref r beta in
  full ref -> 0 < beta -> star a = 1 / 10 -> star b = 4 / 10 -> star c = 5 / 10 ->
  exists p, p a = 1 / 4 /\ p b = 1 / 8 /\ p c = 5 / 8 /\
    only_maximiser (fun q => policy q /\ q a >= 2 * q b) (J ref r beta) p /\
    V ref r beta - J ref r beta p = beta * ln (5 / 4).

(** Where E has no cycle, or all margins are 0, the projection exists for any margins, is one, and has
    p w >= exp (m w l) p l on every pair; with star = pi_star it is the optimum of RLHF under the constraint. *)
Definition thm_4_9_hard : Prop := forall (T : finType) (E : rel T) m (ref r : T -> R) beta,
  full ref -> 0 < beta -> (forall w l, E w l -> ~~ connect E l w) \/ (forall w l, E w l -> m w l = 0) ->
  exists p, only_minimiser (feasible E m) (fun q => KL q (pi_star ref r beta)) p /\
    only_maximiser (feasible E m) (J ref r beta) p /\ forall w l, E w l -> exp (m w l) * p l <= p w.

(** Margins that are differences of potentials, m w l = u w - u l: where x is the isotonic regression of
    log star - u with weights e^u, the projection is proportional to e^(x + u). *)
Definition isotonic_weighted : Prop := forall (T : finType) (E : rel T) (star u x : T -> R),
  full star -> isotonic_regression E (fun y => exp (u y)) (fun y => ln (star y) - u y) x ->
  only_minimiser (feasible E (fun w l => u w - u l)) (fun q => KL q star) (normalised (fun y => exp (x y + u y))).

(** m = 0: the projection is the softmax of the isotonic regression of log star. *)
Definition isotonic_projection : Prop := forall (T : finType) (E : rel T) (star x : T -> R),
  full star -> isotonic_regression E (fun _ => 1) (fun y => ln (star y)) x ->
  only_minimiser (feasible E (fun _ _ => 0)) (fun q => KL q star) (normalised (fun y => exp (x y))).

(** m = 0 and one pair that star ranks the wrong way: both get the geometric mean of their two masses, before
    normalisation; the others keep theirs. *)
Definition isotonic_geometric : Prop := forall (T : finType) (star : T -> R) w l,
  full star -> w != l -> star w <= star l ->
  only_minimiser (feasible (fun a b => (a == w) && (b == l)) (fun _ _ => 0)) (fun q => KL q star)
    (normalised (fun y => if (y == w) || (y == l) then sqrt (star w * star l) else star y)).

(** The arithmetic mean (refuted). *)
Definition isotonic_arithmetic : Prop := forall (T : finType) (star : T -> R) w l,
  full star -> w != l -> star w <= star l ->
  only_minimiser (feasible (fun a b => (a == w) && (b == l)) (fun _ _ => 0)) (fun q => KL q star)
    (normalised (fun y => if (y == w) || (y == l) then (star w + star l) / 2 else star y)).

(** The price of alignment at m = 0: V - J = beta KL(p || pi_star) = - beta log S, S the mass of e^x, x the isotonic
    regression of log pi_star. *)
Definition price : Prop := forall (T : finType) (E : rel T) (ref r x : T -> R) beta,
  full ref -> 0 < beta -> let star := pi_star ref r beta in
  isotonic_regression E (fun _ => 1) (fun y => ln (star y)) x ->
  let p := normalised (fun y => exp (x y)) in
  V ref r beta - J ref r beta p = beta * KL p star /\ beta * KL p star = - (beta * ln (\Sum_y exp (x y))).

(** Labels around a cycle y 0 > y 1 > ... > y k = y 0 with margins of total M: M > 0 leaves its members no mass;
    M = 0 makes every constraint of the cycle tight; and where every response is on a cycle with M > 0, nothing is
    feasible. *)
Definition cycle : Prop := forall (T : finType) (E : rel T) m,
  let around k (y : nat -> T) := (0 < k)%N /\ y k = y 0%N /\ forall i, (i < k)%N -> E (y i) (y i.+1) in
  let total k (y : nat -> T) := \big[Rplus/0]_(i < k) m (y i) (y i.+1) in
  (forall p k y, feasible E m p -> around k y ->
     (0 < total k y -> forall i, (i < k)%N -> p (y i) = 0) /\
     (total k y = 0 -> forall i, (i < k)%N -> p (y i) = exp (m (y i) (y i.+1)) * p (y i.+1))) /\
  ((forall a : T, exists k y, around k y /\ 0 < total k y /\ y 0%N = a) -> ~ exists p, feasible E m p).

(** * Chapter 6, the reference margin *)

(** The reference margin equals the exact one at a local maximum with a better winner (refuted). *)
Definition eq_17 : Prop := forall (ref r : bool -> R) beta gamma p,
  full ref -> 0 < beta -> 0 < gamma -> r false < r true ->
  local_maximum (penalised ref r beta gamma (one_label true false)) p ->
  margin_at gamma ref true false = margin_at gamma p true false.

(** Two responses, gamma > 0: the margin at the reference is the larger one iff |delta_ref| > |delta|; so it is on U. *)
Definition eq_17_overstates : Prop := forall (ref p : bool -> R) gamma,
  full ref -> full p -> 0 < gamma ->
  (margin_at gamma p true false < margin_at gamma ref true false <->
   Rabs (delta p true false) < Rabs (delta ref true false)) /\
  (U ref true false p -> margin_at gamma p true false < margin_at gamma ref true false).

(** A misaligned reference overstates the margin at a local maximum with a better winner (refuted). *)
Definition eq_17_overstates_always : Prop := forall (ref r : bool -> R) beta gamma p,
  full ref -> 0 < beta -> 0 < gamma -> r false < r true -> delta ref true false < 0 ->
  local_maximum (penalised ref r beta gamma (one_label true false)) p ->
  margin_at gamma p true false <= margin_at gamma ref true false.

(** One pair among any responses, labelled at rates sigma(+-(r_w - r_l)), with a fixed margin that changes sign with
    the label: the loss is least exactly at delta = delta_ref + (r_w - r_l + margin)/beta, which for the reference's
    margin is positive iff gamma > - (beta delta_ref + r_w - r_l) / (1/ref_w + 1/ref_l). *)
Definition eq_19 : Prop := forall (T : finType) (ref r : T -> R) beta w l,
  full ref -> 0 < beta -> w != l ->
  (forall margin p, minimises full (margin_loss ref r beta w l margin (- margin)) p <->
     full p /\ delta p w l = delta ref w l + (r w - r l + margin) / beta) /\
  forall gamma, 0 < delta ref w l + (r w - r l + margin_at gamma ref w l) / beta <->
    - (beta * delta ref w l + (r w - r l)) / (1 / ref w + 1 / ref l) < gamma.

(** The same with the margin added to each label, also the reversed one (refuted). *)
Definition eq_19_each_label : Prop := forall (T : finType) (ref r : T -> R) beta w l margin p,
  full ref -> 0 < beta -> w != l -> 0 < margin ->
  full p -> delta p w l = delta ref w l + (r w - r l + margin) / beta ->
  minimises full (margin_loss ref r beta w l margin margin) p.

(** Around a triangle the margins do not add up, by 2 gamma / p_b; so no policy meets three targets
    delta = delta_ref + (difference + margin)/beta at once. *)
Definition triangle_defect : Prop := forall (T : finType) (ref r p : T -> R) beta gamma a b c,
  full ref -> 0 < beta -> 0 < gamma ->
  margin_at gamma ref a b + margin_at gamma ref b c - margin_at gamma ref a c = 2 * gamma / ref b /\
  0 < 2 * gamma / ref b /\
  let target w l := delta ref w l + (r w - r l + margin_at gamma ref w l) / beta in
  ~ (delta p a b = target a b /\ delta p b c = target b c /\ delta p a c = target a c).

(** * Soft margins and the released losses, as targets T of sp(- beta (delta - T)) *)

(** 0 < sp(beta a)/beta - max(0, a) <= log 2/beta, with equality exactly at a = 0. *)
Definition prop_5_1 : Prop := forall beta a, 0 < beta ->
  0 < sp (beta * a) / beta - Rmax 0 a <= ln 2 / beta /\
  (sp (beta * a) / beta - Rmax 0 a = ln 2 / beta <-> a = 0).

(** "easy": the target lies below DPO's, delta_ref, where both reference log-probabilities are negative. *)
Definition code_easy : Prop := forall (T : finType) (ref : T -> R) beta gamma w l,
  full ref -> w != l -> 0 < beta -> 0 < gamma ->
  easy_target ref beta gamma w l - delta ref w l = gamma / beta * (1 / ln (ref w) + 1 / ln (ref l)) /\
  easy_target ref beta gamma w l < delta ref w l.

(** "clip" is HyPO: beta delta - max(beta delta_ref, 0) = beta (delta - max(delta_ref, 0)). *)
Definition code_clip : Prop := forall beta delta delta_ref, 0 < beta ->
  sp (- (beta * delta - Rmax (beta * delta_ref) 0)) = sp (- (beta * (delta - Rmax delta_ref 0))).

(** "cpo" at alpha = 1 is a smooth floor of the margin. *)
Definition code_cpo : Prop := forall delta_ref gamma tau, 0 < tau ->
  let target := delta_ref + sp (tau * (gamma - delta_ref)) / tau in
  0 < target - Rmax delta_ref gamma <= ln 2 / tau /\
  (target - Rmax delta_ref gamma = ln 2 / tau <-> delta_ref = gamma).
