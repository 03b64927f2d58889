(** Claims of the literature beyond the first paper. Their form is that of [claims.v]. *)
From Coq Require Import Reals.
From mathcomp Require Import ssreflect ssrfun ssrbool eqtype ssrnat seq choice fintype bigop path fingraph.
From Formal Require Import definitions definitions_cpo.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Open Scope R_scope.

(** * Reward classes and chains of references *)

(** Each reward class has exactly one member of the form beta log p/ref: r less its value, whose partition is 1. *)
Definition dpo_class_representative : Prop := forall (T : finType) (ref r : T -> R) beta,
  full ref -> 0 < beta -> let member f y := f y - V ref f beta in
  partition ref (member r) beta = 1 /\
  (forall c, partition ref (fun y => member r y + c) beta = 1 <-> c = 0) /\
  (forall c, member (fun y => r y + c) = member r) /\
  forall y, member r y = beta * ln (pi_star ref r beta y / ref y).

(** Where the reference may have zeros, two rewards have the same optimum iff they differ by a constant on its
    support. *)
Definition dpo_lemma2_repaired : Prop := forall (T : finType) (ref r r' : T -> R) beta,
  policy ref -> 0 < beta ->
  (pi_star ref r beta = pi_star ref r' beta <-> exists c, forall y, 0 < ref y -> r' y - r y = c).

(** The same on all responses (refuted). *)
Definition dpo_lemma2_support : Prop := forall (T : finType) (ref r r' : T -> R) beta,
  policy ref -> 0 < beta -> pi_star ref r beta = pi_star ref r' beta -> exists c, forall y, r' y - r y = c.

(** With full support every policy is the RLHF optimum of its own implicit reward, and its DPO loss that reward's
    Bradley-Terry likelihood. *)
Definition xu_sets_equal : Prop := forall (T : finType) (ref p : T -> R) beta n,
  full ref -> full p -> 0 < beta -> let r y := beta * ln (p y / ref y) in
  pi_star ref r beta = p /\ dpo_loss ref beta n p = bradley_terry n r.

(** Two stages of RLHF commute. *)
Definition rlhf_composes : Prop := forall (T : finType) (ref r r' : T -> R) beta beta',
  full ref -> 0 < beta -> 0 < beta' ->
  let both := normalised (fun y => ref y * exp (r y / beta + r' y / beta')) in
  pi_star (pi_star ref r beta) r' beta' = both /\ pi_star (pi_star ref r' beta') r beta = both.

(** k rounds of DPO on population labels, each from the last policy, are RLHF at beta/k from the first. *)
Definition iterated_dpo : Prop := forall (T : finType) (ref r : T -> R) beta m k,
  full ref -> 0 < beta -> weights m -> connected m -> (0 < k)%N ->
  let round p := pi_star p r beta in
  (forall p, full p -> full (round p) /\ only_minimiser full (dpo_loss p beta (population r m)) (round p)) /\
  iter k round ref = pi_star ref r (beta / INR k).

(** Labels at rates sigma(kappa (r_w - r_l)): DPO at beta ends where RLHF at beta/kappa does. *)
Definition dpo_temperature_not_identified : Prop := forall (T : finType) (ref r : T -> R) beta kappa m,
  full ref -> 0 < beta -> 0 < kappa -> weights m -> connected m ->
  only_minimiser full (dpo_loss ref beta (population (fun y => kappa * r y) m)) (pi_star ref r (beta / kappa)).

(** DPO with a uniform reference is DPO divided by the reference. *)
Definition dpo_reference_free : Prop := forall (T : finType) (ref uniform r p free : T -> R) beta m,
  full ref -> full uniform -> (forall a b, uniform a = uniform b) -> 0 < beta -> weights m -> connected m ->
  minimises full (dpo_loss ref beta (population r m)) p ->
  minimises full (dpo_loss uniform beta (population r m)) free ->
  free = normalised (fun y => p y / ref y).

(** DPO is the two-stage method for any preferences: where every pair is labelled both ways it has one minimiser, the
    RLHF optimum of the scores of greatest likelihood. *)
Definition azar_prop4_any_preferences : Prop := forall (T : finType) (ref s : T -> R) beta n,
  full ref -> 0 < beta -> weights n -> (forall a b, a != b -> 0 < n a b) -> minimises anything (bradley_terry n) s ->
  only_minimiser full (dpo_loss ref beta n) (pi_star ref s beta).

(** A round of SPIN with the logistic loss, solved: data p against the last policy, which is the reference too. Every
    log-ratio to the data shrinks or grows by the factor 1 - 1/beta, so that it comes nearer iff beta > 1/2. *)
Definition spin_exact_rounds : Prop := forall (T : finType) (p last : T -> R) beta,
  full p -> full last -> 0 < beta ->
  let next := normalised (fun y => Rpower (last y) (1 - 1 / beta) * Rpower (p y) (1 / beta)) in
  let apart q a b := ln (q a / p a) - ln (q b / p b) in
  only_minimiser full (dpo_loss last beta (fun w l => p w * last l)) next /\
  (forall a b, beta * apart next a b = (beta - 1) * apart last a b) /\
  forall a b, apart last a b <> 0 -> (Rabs (apart next a b) < Rabs (apart last a b) <-> 1 / 2 < beta).

(** Realignment from beta to beta' by mixing log-probabilities is exact on whole responses. *)
Definition dera_whole : Prop := forall (T : finType) (ref r : T -> R) beta beta',
  full ref -> 0 < beta -> 0 < beta' ->
  pi_star ref r beta' =
  normalised (fun y => Rpower (ref y) (1 - beta / beta') * Rpower (pi_star ref r beta y) (beta / beta')).

(** Let B be the best responses, of mass q under the reference, and all others worse by g or more. As beta falls RLHF
    keeps the reference among the best and gives at most e^(-g/beta) (1 - q)/q to the others. *)
Definition rlhf_zero_temperature : Prop := forall (T : finType) (ref r : T -> R) beta (B : pred T) most g,
  full ref -> 0 < beta -> (exists y, B y) -> (forall y, B y -> r y = most) -> (forall y, ~~ B y -> r y <= most - g) ->
  let q := \Sum_(y | B y) ref y in
  (forall a b, B a -> B b -> delta (pi_star ref r beta) a b = delta ref a b) /\
  \Sum_(y | ~~ B y) pi_star ref r beta y <= exp (- (g / beta)) * (1 - q) / q.

(** * One pair *)

(** At a population rate sigma(x), a policy of implicit margin z: the excess of its DPO loss is the KL of the two coins,
    at least twice the squared difference of the rates. *)
Definition dpo_regret_identity : Prop := forall x z,
  let excess := sigma x * (sp (- z) - sp (- x)) + sigma (- x) * (sp z - sp x) in
  excess = KL (of_margin x) (of_margin z) /\ 2 * (sigma x - sigma z) ^ 2 <= excess.

(** On a pair IPO, which asks for (sigma(x) - 1/2)/tau, moves at most a quarter as far as DPO, which asks for x/tau. *)
Definition azar_ipo_quarter : Prop := forall x tau, 0 < x -> 0 < tau -> (sigma x - 1 / 2) / tau <= x / (4 * tau).

(** At odds o of a label the logistic loss is least at the margin log o and the exponential loss at half of it. *)
Definition gpo_calibrated_pair : Prop := forall o z, 0 < o ->
  o * sp (- ln o) + sp (ln o) <= o * sp (- z) + sp z /\
  2 * sqrt o <= exp z + o * exp (- z) /\ exp (ln o / 2) + o * exp (- (ln o / 2)) = 2 * sqrt o.

(** A label flipped at rate eps: the rDPO loss has DPO's as its mean, and this variance. *)
Definition rdpo_unbiased_variance : Prop := forall eps z, 0 < eps < 1 / 2 ->
  let loss z := ((1 - eps) * sp (- z) - eps * sp z) / (1 - 2 * eps) in
  let mean := (1 - eps) * loss z + eps * loss (- z) in
  mean = sp (- z) /\
  (1 - eps) * loss z ^ 2 + eps * loss (- z) ^ 2 - mean ^ 2 = eps * (1 - eps) * z ^ 2 / (1 - 2 * eps) ^ 2.

(** The gain in reward of a pair, rewards 0 and 1, log-odds b moved by y = 1/beta, is at most sqrt(KL / 2). *)
Definition gao_gain_by_span : Prop := forall b y, 0 < y ->
  (sigma (b + y) - sigma b) ^ 2 <= KL (of_margin (b + y)) (of_margin b) / 2.

(** One label, uniform reference, beta = 1/10: at a price of at most .2057 a nat the DPO loss plus the price of the KL
    divergence is stationary at no margin; the price that makes a margin stationary is above that. *)
Definition song_hypo_no_interior : Prop :=
  let uniform (_ : bool) := / 2 in
  (forall x, 0 < x -> / 10 * sigma (- (x / 10)) / (x * (sigma x * sigma (- x))) > 2057 / 10000) /\
  forall price d, 0 < price <= 2057 / 10000 -> ~ derivable_pt_lim (fun x =>
    dpo_loss uniform (/ 10) (one_label true false) (of_margin x) + price * KL (of_margin x) uniform) d 0.

(** K labels w > l and K' labels l > w of one pair, a flip rate eps: the sum of their rDPO losses is bounded below iff
    each order has at least a share eps of the labels. *)
Definition rdpo_empirical_unbounded : Prop := forall eps k k', 0 < eps < 1 / 2 -> 0 <= k -> 0 <= k' ->
  let loss z := ((1 - eps) * sp (- z) - eps * sp z) / (1 - 2 * eps) in
  bounded_below anything (fun z => k * loss z + k' * loss (- z)) <->
  eps * (k + k') <= k <= (1 - eps) * (k + k').

(** A pair labelled both ways at odds o, each label's reference margin floored at 0, delta_ref < 0 and
    d = beta |delta_ref|: at the minimiser, x = beta delta, the majority is first iff o > 2 sigma(d), and so always
    where o >= 2. *)
Definition hypo_majority_threshold : Prop := forall o d x, 0 < o -> 0 < d ->
  minimises anything (fun x => o * sp (- x) + sp (x + d)) x -> (0 < x <-> 2 * sigma d < o) /\ (2 <= o -> 0 < x).

(** The majority is first at once (refuted). *)
Definition hypo_majority_first : Prop := forall o d x, 1 < o -> 0 < d ->
  minimises anything (fun x => o * sp (- x) + sp (x + d)) x -> 0 < x.

(** Two responses, reward less beta times the chi-squared divergence, f(u) = (u - 1)^2 / 2: the loser keeps mass iff
    (r_w - r_l) ref_w < beta. *)
Definition fdpo_zero_boundary : Prop := forall (ref r p : bool -> R) beta,
  full ref -> 0 < beta -> r false < r true ->
  maximises policy (fun p => mean p r - beta * (\Sum_y (ref y * ((p y / ref y - 1) ^ 2 / 2)))) p ->
  (0 < p false <-> (r true - r false) * ref true < beta).

(** Features a (0, 1), b (0, 0), c (1, -3), d (3, 1), voters (20, 1) twice and (-20, 1): at theta = (t, 0) the slope of
    the labels' loss in theta_1 changes its sign between t = .27 and .3, and its slope in theta_2 is positive there. *)
Definition ge_pareto_linear : Prop :=
  let slope_1 t := 2 * sigma t - 4 * sigma (- t) + 2 * sigma (2 * t) - 4 * sigma (- (2 * t)) +
    6 * sigma (3 * t) - 12 * sigma (- (3 * t)) in
  let slope_2 t := - 3 * sigma 0 - 7 * sigma t + 14 * sigma (- t) + 4 * sigma (2 * t) - 8 * sigma (- (2 * t)) +
    sigma (3 * t) - 2 * sigma (- (3 * t)) in
  slope_1 (27 / 100) < 0 < slope_1 (30 / 100) /\ forall t, 27 / 100 <= t <= 30 / 100 -> 0 < slope_2 t.

(** RLHF under an expected cost. At any price lam >= 0 of the cost c the dual value, at the optimum p of r - lam c, is
    at least the objective of every policy that keeps to the limit; and the variance of the cost is at most a quarter
    of its squared range. *)
Definition safe_dual : Prop := forall (T : finType) (ref r c : T -> R) beta lam limit,
  full ref -> 0 < beta -> 0 <= lam ->
  let priced y := r y - lam * c y in
  let p := pi_star ref priced beta in
  let dual := V ref priced beta + lam * limit in
  dual = J ref r beta p + lam * (limit - mean p c) /\
  (forall q, policy q -> mean q c <= limit -> J ref r beta q <= dual) /\
  forall low high, (forall y, low <= c y <= high) -> variance p c <= (high - low) ^ 2 / 4.

(** * Scores of several responses *)

(** On a path of two steps, of log-odds a and b, IPO, which adds up the rates less 1/2, orders the ends as DPO does. *)
Definition ipo_dpo_order_three : Prop := forall a b, sigma a + sigma b - 1 > 0 <-> a + b > 0.

(** On a path of two steps, of true log-odds a and b, labels flipped at a rate eps shrink every step, and keep the order
    of the ends. *)
Definition noise_three_on_a_path : Prop := forall eps a b, 0 < eps < 1 / 2 ->
  let fitted x := ln ((1 - eps) * exp x + eps) - ln (eps * exp x + (1 - eps)) in
  fitted a + fitted b > 0 <-> a + b > 0.

(** Every pair compared equally often, at any rates: the scores of greatest likelihood order by Borda count. *)
Definition bt_order_is_borda : Prop := forall (T : finType) (P : T -> T -> R) s,
  (forall i j, 0 <= P i j) -> (forall i j, i != j -> P i j + P j i = 1) -> minimises anything (bradley_terry P) s ->
  let borda i := \Sum_(j | j != i) P i j in
  forall i j, s i - s j > 0 <-> borda i - borda j > 0.

(** Which pairs are sampled does not change what DPO puts first (refuted). Three responses i, j, k and a uniform
    reference; a, b, c the rates of i over j, i over k and j over k, less 1/2; with weights v on the pairs the surpluses
    of i and j are v_ij a + v_ik b and v_jk c - v_ij a, and DPO puts i above j iff d_i v_jk > d_j v_ik. *)
Definition dpo_sampling_dependence : Prop := forall a b c v_ij v_ik v_jk,
  Rabs a < 1 / 2 -> Rabs b < 1 / 2 -> Rabs c < 1 / 2 -> 0 < v_ij -> 0 < v_ik -> 0 < v_jk ->
  (v_jk * (a * v_ij + b * v_ik) - v_ik * (c * v_jk - a * v_ij) > 0 <-> b + 2 * a - c > 0).

(** Labels without a cycle leave DPO without a minimiser (refuted): one feature, which differs by x on one label and by
    y on another; a slope in theta that is negative at 0 stays negative. *)
Definition cycle_needed : Prop := forall x y theta,
  - x / 2 - y / 2 < 0 -> 0 < theta -> - x * sigma (- (theta * x)) - y * sigma (- (theta * y)) < 0.

(** * Games *)

(** A response that beats every other has all the mass of a Nash policy of the game: one that no response beats. *)
Definition nlhf_condorcet : Prop := forall (T : finType) (P : T -> T -> R) w p,
  (forall i j, P i j + P j i = 1) -> (forall j, j != w -> 1 / 2 < P w j) -> policy p ->
  ((forall j, 1 / 2 <= \Sum_i (p i * P i j)) <-> p w = 1).
