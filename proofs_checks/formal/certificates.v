(** What a certificate of a problem file rests on: the problem written out as lists of numbers, and theorems that turn
    each of its results into finitely many inequalities between numbers, which the tactic [numbers] proves. The
    first section is part of what a reader trusts, beside [definitions.v]. *)
From Coq Require Import Reals Lra Psatz Classical.
From mathcomp Require Import ssreflect ssrfun ssrbool eqtype ssrnat seq choice fintype finset bigop.
From Interval Require Import Tactic.
From Formal Require Import definitions sums softplus claims ch1_rlhf existence ch2_equivalence ch3_existence
  ch3_corollaries.
From Formal Require Import definitions_cpo claims_cpo ch7_hard.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Open Scope R_scope.

(** * A problem of [k] responses, written out *)

(** the response [y] has the [y]-th number of a list *)
Definition listed k (xs : seq R) (y : 'I_k) := nth 0 xs y.
(** labels [(winner, loser, weight)]; weights of equal labels add up *)
Definition labels k (ls : seq (nat * nat * R)) (w l : 'I_k) : R :=
  foldr (fun t rest => (if (t.1.1 == w :> nat) && (t.1.2 == l :> nat) then t.2 else 0) + rest) 0 ls.
(** the pairs of responses that a label names *)
Definition labelled k (ls : seq (nat * nat * R)) : rel 'I_k :=
  fun w l => has (fun t => (t.1.1 == w :> nat) && (t.1.2 == l :> nat)) ls.

(** * Sums and conditions that compute *)

Fixpoint upto k (f : nat -> R) : R := match k with O => 0 | S k => upto k f + f k end.
Fixpoint each k (P : nat -> Prop) : Prop := match k with O => True | S k => each k P /\ P k end.
Fixpoint over (ls : seq (nat * nat * R)) (f : nat -> nat -> R) : R :=
  match ls with [::] => 0 | t :: ls => t.2 * f t.1.1 t.1.2 + over ls f end.
Definition within k (ls : seq (nat * nat * R)) := all (fun t => (t.1.1 < k)%N && (t.1.2 < k)%N) ls.
(** 1 at [y] *)
Definition unit y z : R := if Nat.eqb y z then 1 else 0.

Lemma upto_sum k (f : nat -> R) : \big[Rplus/0]_(y < k) f y = upto k f.
Proof. by elim: k => [|k ih]; [rewrite big_ord0|rewrite big_ord_recr ih]. Qed.

Lemma eachP k P : each k P -> forall y : 'I_k, P y.
Proof.
elim: k => [_ []//|k ih] [/ih hk Pk] [y hy] /=.
by move: (hy); rewrite ltnS leq_eqVlt => /orP [/eqP ->//|lt]; exact: (hk (Ordinal lt)).
Qed.

Lemma eqbE y z : Nat.eqb y z = (y == z).
Proof. by elim: y z => [|y ih] [|z] //=; rewrite ih. Qed.

Lemma over_sum k ls (f : nat -> nat -> R) : within k ls ->
  \Sum_w \Sum_l (@labels k ls w l * f w l) = over ls f.
Proof.
elim: ls => [|[[a b] x] ls ih] /=; first by move=> _; rewrite big1 // => w _; rewrite big1 // => l _; rewrite
  /labels /=; lra.
case/andP=> /andP [ha hb] /ih <-.
rewrite -(sum2_at (fun w l : 'I_k => x * f w l) (Ordinal ha) (Ordinal hb)) -sum2D; apply: eq_sum2 => w l.
rewrite /labels /= -/(labels ls w l) -!val_eqE /= (eq_sym a) (eq_sym b).
by case: ifP => [/andP [/eqP -> /eqP ->]|_]; lra.
Qed.

Section Problem.
Variables (k : nat) (W : seq R) (beta : R) (ls : seq (nat * nat * R)).
Hypotheses (W_pos : each k (fun y => 0 < nth 0 W y)) (some : (0 < k)%N) (beta_pos : 0 < beta) (ls_ok : within k ls).
Notation ref := (normalised (@listed k W)).
Notation n := (@labels k ls).

Lemma written_positive y : 0 < @listed k W y. Proof. exact: (eachP W_pos). Qed.

Lemma ref_full : full ref.
Proof. exact: (normalised_full (Ordinal some) written_positive). Qed.

Lemma written_mass : \Sum_y @listed k W y = upto k (nth 0 W). Proof. exact: upto_sum. Qed.

Lemma written_mass_positive : 0 < upto k (nth 0 W).
Proof. by rewrite -written_mass; exact: (mass_pos (Ordinal some) written_positive). Qed.

Section Reward.
Variable r : seq R.
Notation star := (pi_star ref (listed r) beta).
Definition weight y := nth 0 W y * exp (nth 0 r y / beta).

Lemma partition_written : partition ref (listed r) beta = upto k weight / upto k (nth 0 W).
Proof.
rewrite /partition -(upto_sum k weight) /Rdiv Rmult_comm -sumZ; apply: eq_bigr => y _.
rewrite /normalised written_mass /weight /listed -[_ * / beta]/(_ / beta).
by have h := written_mass_positive; field; lra.
Qed.

Lemma star_written y : star y = weight y / upto k weight.
Proof.
have hU := written_mass_positive; have := partition_pos (listed r) beta ref_full; rewrite partition_written => hz.
have hw : 0 < upto k weight.
  have := Rmult_lt_compat_r _ _ _ hU hz; rewrite Rmult_0_l.
  by have -> : upto k weight / upto k (nth 0 W) * upto k (nth 0 W) = upto k weight by field; lra.
have -> : weight y = nth 0 W y * exp (nth 0 r y / beta) by [].
by rewrite /pi_star partition_written /normalised written_mass /listed; field; lra.
Qed.

(** ** The RLHF optimum within a stated error *)
Theorem certified_rlhf P eps low high :
  each k (fun y => Rabs (weight y / upto k weight - nth 0 P y) <= eps) ->
  low <= beta * ln (upto k weight / upto k (nth 0 W)) <= high ->
  only_maximiser policy (J ref (listed r) beta) star /\ (forall y, Rabs (star y - listed P y) <= eps) /\
  low <= V ref (listed r) beta <= high.
Proof.
move=> near value; have [_ [_ [_ best]]] := rlhf_closed_form_proved (listed r) ref_full beta_pos.
split=> //; split=> [y|]; first by rewrite star_written; exact: (eachP near).
by rewrite /V partition_written.
Qed.
End Reward.

(** ** The DPO loss of scores *)

Lemma loss_written s : dpo_loss ref beta n (policy_of ref beta (listed s))
  = over ls (fun w l => sp (- (nth 0 s w - nth 0 s l))).
Proof.
rewrite (dpo_policy_of n ref_full beta_pos) bradley_terry_sp.
exact: (over_sum (fun w l => sp (- (nth 0 s w - nth 0 s l))) ls_ok).
Qed.

Lemma scores_full s : full (policy_of ref beta (@listed k s)).
Proof. exact: policy_of_full ref_full _. Qed.

Lemma reference_loss : dpo_loss ref beta n ref = over ls (fun _ _ => ln 2).
Proof.
rewrite -(over_sum (fun _ _ => ln 2) ls_ok); apply: eq_sum2 => w l.
by rewrite /h (_ : - _ = 0) ?sp0 //; lra.
Qed.

(** ** The infimum of the DPO loss from both sides *)

Hypothesis ls_positive : foldr (fun t P => 0 < t.2 /\ P) True ls.

Lemma weights_written : weights n.
Proof.
move=> w l; rewrite /labels; elim: ls ls_positive => [_|t rest ih [ht hr]] /=; first lra.
by have := ih hr; case: ifP => _; lra.
Qed.

(** a share of each label's weight that flows from its loser to its winner; labels between blocks have none *)
Definition entropy (q : option R) := if q is Some q then - (q * ln q) - (1 - q) * ln (1 - q) else 0.
Definition share (q : option R) := if q is Some q then q else 0.
Fixpoint entropies (ls : seq (nat * nat * R)) (qs : seq (option R)) : R :=
  match ls, qs with t :: ls, q :: qs => t.2 * entropy q + entropies ls qs | _, _ => 0 end.
Fixpoint flows (ls : seq (nat * nat * R)) (qs : seq (option R)) :=
  match ls, qs with t :: ls, q :: qs => (t.1, t.2 * share q) :: flows ls qs | _, _ => [::] end.
Definition conserved qs := each k (fun y => over (flows ls qs) (fun w l => unit w y - unit l y) = 0).
Fixpoint proper (qs : seq (option R)) : Prop :=
  match qs with [::] => True | Some q :: qs => 0 < q < 1 /\ proper qs | None :: qs => proper qs end.

(** sp(-z) lies above each of its tangents: H(q) - q z *)
Lemma sp_above_tangent q z : 0 < q < 1 -> entropy (Some q) - q * z <= sp (- z).
Proof.
move=> hq; have h1 := xlnx_ge (a := q) (b := sigma (- z)) ltac:(lra) (sigma_pos _).
have h2 := xlnx_ge (a := 1 - q) (b := sigma z) ltac:(lra) (sigma_pos _).
have e1 : ln (sigma z) = - sp (- z) by rewrite sp_sigma; lra.
have e2 : ln (sigma (- z)) = - sp z by rewrite -[X in - sp X]Ropp_involutive sp_sigma; lra.
move: h1 h2; rewrite !ln_div; try lra; try exact: sigma_pos.
by rewrite e1 e2 /entropy; have := sigma_opp z; have := sp_odd z; nra.
Qed.

Lemma flows_within ls' qs : within k ls' -> within k (flows ls' qs).
Proof. by elim: ls' qs => [|t rest ih] [|q qs] //= /andP [-> /ih ->]. Qed.

(** the sum by responses is the sum by labels *)
Lemma against_surplus (fl : seq (nat * nat * R)) (s : nat -> R) : within k fl ->
  upto k (fun y => s y * over fl (fun w l => unit w y - unit l y)) = over fl (fun w l => s w - s l).
Proof.
rewrite -upto_sum; elim: fl => [|[[a b] x] fl ih] /=; first by move=> _; rewrite big1 // => y _; lra.
case/andP=> /andP [ha hb] /ih <-.
have at_ c (hc : (c < k)%N) : \big[Rplus/0]_(y < k) (s y * unit c y) = s c.
  rewrite -(sum_at (fun y : 'I_k => s y) (Ordinal hc)); apply: eq_bigr => y _.
  by rewrite /unit eqbE eq_sym -val_eqE /=; case: ifP => _; lra.
by rewrite -(at_ a ha) -(at_ b hb) -sumB -sumZ -sumD; apply: eq_bigr => y _; ring.
Qed.

Lemma flows_balance qs (s : nat -> R) : conserved qs -> over (flows ls qs) (fun w l => s w - s l) = 0.
Proof.
move=> hc; rewrite -against_surplus ?flows_within // -upto_sum big1 // => y _.
by rewrite (eachP hc y); ring.
Qed.

Lemma dual_bound_written qs p : size qs = size ls -> proper qs -> conserved qs ->
  full p -> entropies ls qs <= dpo_loss ref beta n p.
Proof.
move=> same hq hc hp.
pose s (y : nat) := if insub y is Some y' then beta * (ln (p y') - ln (ref y')) else 0.
have es (y : 'I_k) : s y = beta * (ln (p y) - ln (ref y)) by rewrite /s valK.
have -> : dpo_loss ref beta n p = over ls (fun w l => sp (- (s w - s l))).
  rewrite -(over_sum (fun w l => sp (- (s w - s l))) ls_ok); apply: eq_sum2 => w l.
  by congr (_ * sp _); rewrite !es /h /delta; ring.
suff: forall rest qs, size qs = size rest -> proper qs -> foldr (fun t P => 0 < t.2 /\ P) True rest ->
   entropies rest qs - over (flows rest qs) (fun w l => s w - s l) <= over rest (fun w l => sp (- (s w - s l))).
  by move=> /(_ ls qs same hq ls_positive); rewrite flows_balance //; lra.
elim=> [|[[a b] x] rest ih] [|q qs'] //=; first by move=> *; lra.
move=> [same'] hq' [hx hr].
case: q hq' => [q [hq1 hq2]|hq2]; have := ih qs' same' hq2 hr => /= h1; last first.
  by have := sp_pos (- (s a - s b)); nra.
have := sp_above_tangent (s a - s b) hq1; rewrite /entropy /= => h3.
by have := Rmult_le_compat_l x _ _ (Rlt_le _ _ hx) h3; lra.
Qed.

Theorem certified_infimum qs s low high : size qs = size ls -> proper qs ->
  conserved qs -> low <= entropies ls qs ->
  over ls (fun w l => sp (- (nth 0 s w - nth 0 s l))) <= high ->
  exists v, infimum full (dpo_loss ref beta n) v /\ low <= v <= high.
Proof.
move=> same hq hc hlow hhigh; have hs := scores_full s.
have below p : full p -> entropies ls qs <= dpo_loss ref beta n p by exact: dual_bound_written.
have [v hv] := infimum_exists hs (ex_intro _ _ below).
exists v; split=> //; split; last by have := hv.1 _ hs; rewrite loss_written; lra.
apply: Rnot_lt_le => lt; have [p [hp lt']] := hv.2 (low - v) ltac:(lra).
by have := below p hp; lra.
Qed.

(** ** Attained or not *)

Fixpoint everywhere (qs : seq (option R)) : Prop :=
  match qs with [::] => True | Some q :: qs => 0 < q < 1 /\ everywhere qs | None :: qs => False end.

Lemma flow_under_labels qs : size qs = size ls -> everywhere qs -> forall w l : 'I_k,
  (0 < n w l -> 0 < labels (flows ls qs) w l) /\ 0 <= labels (flows ls qs) w l <= n w l.
Proof.
rewrite /labels => same hq w l; move: ls_positive same hq.
elim: ls qs => [|[[a b] x] rest ih] [|[q|] qs] //=; first by split; lra.
move=> [hx hr] [same] [hq1 hq]; have [ih1 ih2] := ih qs hr same hq.
have hxq : 0 < x * q < x by split; nra.
by case: ifP => _; split; try (move=> hn; have [|] := Rle_lt_dec (foldr (fun t rest =>
  (if (t.1.1 == w :> nat) && (t.1.2 == l :> nat) then t.2 else 0) + rest) 0 rest) 0); try lra;
  move=> *; try (have := ih1 ltac:(lra)); lra.
Qed.

Lemma won_minus_lost (S : {set 'I_k}) (f : 'I_k -> 'I_k -> R) :
  won_by S f - lost_by S f = \Sum_w \Sum_l (f w l * ((if w \in S then 1 else 0) - (if l \in S then 1 else 0))).
Proof.
rewrite /lost_by /won_by -sum2B; apply: eq_sum2 => w l; rewrite !inE negbK.
by case: (w \in S); case: (l \in S) => /=; lra.
Qed.

(** A conserved flow on every label. *)
Theorem certified_attained qs : size qs = size ls -> everywhere qs -> conserved qs ->
  exists p, minimises full (dpo_loss ref beta n) p.
Proof.
move=> same hq hc; apply/(dpo_existence_by_cuts_proved ref_full beta_pos weights_written) => S [w [l [hn side]]].
pose f := @labels k (flows ls qs).
have under a b := flow_under_labels same hq a b.
pose s (y : nat) := if insub y is Some y' then if y' \in S then 1 else 0 else 0 : R.
have es (y : 'I_k) : s y = if y \in S then 1 else 0 by rewrite /s valK.
have equal : won_by S f = lost_by S f.
  suff: won_by S f - lost_by S f = 0 by lra.
  have bal := flows_balance s hc; rewrite -(over_sum (fun w l => s w - s l) (flows_within qs ls_ok)) in bal.
  by rewrite won_minus_lost -[RHS]bal; apply: eq_sum2 => a b; rewrite !es.
have ge0 (A : {set 'I_k}) a b : 0 <= if (a \in A) && (b \notin A) then f a b else 0.
  by case: ifP => _; [have := (under a b).2; rewrite /f; lra|lra].
have flow_lost : 0 < lost_by S f.
  have hf : 0 < f w l by exact: (under w l).1 hn.
  case hw : (w \in S) side; case hl : (l \in S) => // _.
    by rewrite -equal; apply: (sum2_gt0 (a := w) (b := l)); [exact: ge0|rewrite hw hl].
  by apply: (sum2_gt0 (a := w) (b := l)); [exact: ge0|rewrite !inE hw hl].
apply: Rlt_le_trans flow_lost _; apply: sum2_le => a b; case: ifP => _; last lra.
by have := (under a b).2; rewrite /f; lra.
Qed.

(** A set of responses that some label leaves and none enters. *)
Theorem certified_unattained (side : seq bool) :
  0 < over ls (fun w l => if nth false side w && ~~ nth false side l then 1 else 0) ->
  over ls (fun w l => if ~~ nth false side w && nth false side l then 1 else 0) = 0 ->
  ~ exists p, minimises full (dpo_loss ref beta n) p.
Proof.
move=> leaves enters /(dpo_existence_by_cuts_proved ref_full beta_pos weights_written) cuts.
pose S := [set y : 'I_k | nth false side y].
have lost0 : lost_by S n = 0.
  rewrite -enters -(over_sum (fun w l => if ~~ nth false side w && nth false side l then 1 else 0) ls_ok).
  by apply: eq_sum2 => w l; rewrite !inE negbK; case: ifP => _; lra.
suff: 0 < lost_by S n by lra.
apply: cuts; apply: NNPP => none; move: leaves.
rewrite -(over_sum (fun w l => if nth false side w && ~~ nth false side l then 1 else 0) ls_ok).
rewrite big1; [lra|move=> w _; apply: big1 => l _].
case: ifP => [/andP [hw hl]|_]; last lra.
have := weights_written w l; case=> [hn|<-]; last lra.
by case: none; exists w, l; split=> //; rewrite !inE hw (negbTE hl).
Qed.

(** ** Witnesses *)

(** A policy with less loss than the reference that prefers the loser of a label. *)
Theorem certified_failure s (w l : 'I_k) :
  over ls (fun w l => sp (- (nth 0 s w - nth 0 s l))) < over ls (fun _ _ => ln 2) ->
  0 < over ls (fun a b => unit a w * unit b l) ->
  ln (nth 0 W w) - ln (nth 0 W l) + (nth 0 s w - nth 0 s l) / beta < 0 ->
  exists p, full p /\ dpo_loss ref beta n p < dpo_loss ref beta n ref /\ 0 < n w l /\ delta p w l < 0.
Proof.
move=> less is_label wrong; exists (policy_of ref beta (listed s)); have hs := scores_full s.
split=> //; rewrite loss_written reference_loss; split=> //; split.
  move: is_label; rewrite -(over_sum (fun a b => unit a w * unit b l) ls_ok).
  rewrite (_ : \Sum_a \Sum_b _ = n w l) // -(sum2_at (fun a b => n a b) w l).
  by apply: eq_sum2 => a b; rewrite /unit !eqbE -!val_eqE /=; case: eqP; case: eqP => /= *; lra.
have := h_policy_of ref_full beta_pos (listed s) w l.
rewrite /h [delta ref w l](delta_normalised _ _ written_positive) /listed => e.
by apply: (Rmult_lt_reg_l beta) => //; have := Rmult_lt_compat_l _ _ _ beta_pos wrong; rewrite Rmult_plus_distr_l
  (_ : beta * ((nth 0 s w - nth 0 s l) / beta) = nth 0 s w - nth 0 s l); [lra|field; lra].
Qed.

(** A policy with less loss than the RLHF optimum, though the condition of Theorem 3.5 holds on every label. *)
Theorem certified_refutation r s :
  foldr (fun t P => - (nth 0 r t.1.1 - nth 0 r t.1.2) / beta < ln (nth 0 W t.1.1) - ln (nth 0 W t.1.2) /\ P) True ls ->
  over ls (fun w l => sp (- (nth 0 s w - nth 0 s l))) < over ls (fun w l => sp (- (nth 0 r w - nth 0 r l))) ->
  (forall w l, 0 < n w l -> delta ref w l > - (@listed k r w - listed r l) / beta) /\
  ~ minimises full (dpo_loss ref beta n) (pi_star ref (listed r) beta).
Proof.
move=> cond less; split=> [w l|[_ least]].
  rewrite (delta_normalised _ _ written_positive) /labels /listed.
  elim: ls cond => [_|[[a b] x] rest ih] /=; first lra.
  by move=> [hc /ih hr]; case: ifP => [/andP [/eqP <- /eqP <-]|_] hx; [lra|apply: hr; lra].
have := least _ (scores_full s); rewrite loss_written.
have -> : dpo_loss ref beta n (pi_star ref (listed r) beta) = dpo_loss ref beta n (policy_of ref beta (listed r)) by [].
by rewrite loss_written; lra.
Qed.
End Problem.

(** Unfolds a condition of the theorems above to inequalities between numbers, and proves them. *)
Ltac numbers := cbn [upto each over nth fst snd unit Nat.eqb flows share entropies entropy proper everywhere conserved
    foldr negb andb weight nat_of_ord]; rewrite /sp; repeat split; try lra; interval with (i_prec 100).
