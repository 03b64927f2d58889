(** Chapter 8, the literature: reward classes, chains of references, realignment, low temperatures. *)
From Coq Require Import Reals Lra Psatz Classical FunctionalExtensionality.
From mathcomp Require Import ssreflect ssrfun ssrbool eqtype ssrnat seq choice fintype bigop path fingraph.
From Formal Require Import definitions sums softplus ch1_rlhf claims ch2_equivalence claims_literature.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Open Scope R_scope.

(** ** Reward classes *)

Lemma partition_shift (T : finType) (ref r : T -> R) beta c :
  partition ref (fun y => r y + c) beta = exp (c / beta) * partition ref r beta.
Proof.
rewrite /partition -sumZ; apply: eq_bigr => y _.
by rewrite Rdiv_plus_distr exp_plus; ring.
Qed.

Theorem dpo_class_representative_proved : dpo_class_representative.
Proof.
move=> T ref r beta href hb member; have pos f := partition_pos f beta href.
have V_at f : exp (- V ref f beta / beta) = / partition ref f beta.
  by rewrite /V (_ : - _ / beta = - ln (partition ref f beta)) ?exp_Ropp ?exp_ln //; field; lra.
have one : partition ref (member r) beta = 1.
  rewrite (_ : member r = fun y => r y + - V ref r beta) // partition_shift V_at.
  by rewrite Rinv_l //; have := pos r; lra.
split=> //; split=> [c|].
  rewrite partition_shift one Rmult_1_r -{1}exp_0; split=> [/exp_inv e|->]; last by congr exp; field; lra.
  have -> : c = c / beta * beta by field; lra.
  by rewrite e; ring.
split=> [c|y].
  apply: functional_extensionality => y; rewrite /member /V partition_shift ln_mult; [|exact: exp_pos|exact: pos].
  by rewrite ln_exp; field; lra.
rewrite (ln_div ((star_full r beta href).1 y) (href.1 y)) ln_star // /member /V.
by field; lra.
Qed.

Theorem dpo_lemma2_repaired_proved : dpo_lemma2_repaired.
Proof.
move=> T ref r r' beta [ref0 ref1] hb.
have [y0 py0] : exists y, 0 < ref y.
  apply: NNPP => no; have : \Sum_y ref y = 0 by apply: big1 => y _; case: (ref0 y) => // lt; case: no; exists y.
  by rewrite ref1; lra.
have pos f : 0 < partition ref f beta.
  apply: (sum_gt0 (j := y0)) => [y|]; first by apply: Rmult_le_pos => //; exact/Rlt_le/exp_pos.
  by apply: Rmult_lt_0_compat => //; exact: exp_pos.
have ln_at f y : 0 < ref y -> ln (pi_star ref f beta y) = ln (ref y) + f y / beta - ln (partition ref f beta).
  move=> py; rewrite /pi_star ln_div //; last by apply: Rmult_lt_0_compat => //; exact: exp_pos.
  by rewrite (ln_mult _ _ py (exp_pos _)) ln_exp.
split=> [e|[c hc]].
  exists (beta * (ln (partition ref r' beta) - ln (partition ref r beta))) => y py.
  have := ln_at r y py; rewrite e (ln_at r' y py) => e'.
  have -> : r' y - r y = beta * (r' y / beta - r y / beta) by field; lra.
  by congr (_ * _); lra.
have term y : ref y * exp (r' y / beta) = exp (c / beta) * (ref y * exp (r y / beta)).
  case: (ref0 y) => [py|<-]; last by ring.
  by rewrite (_ : r' y / beta = c / beta + r y / beta) ?exp_plus; [ring|rewrite -(hc y py); field; lra].
have Z : partition ref r' beta = exp (c / beta) * partition ref r beta.
  by rewrite /partition -sumZ; apply: eq_bigr => y _; exact: term.
apply: functional_extensionality => y; rewrite /pi_star term Z; have := pos r; have := exp_pos (c / beta).
by move=> *; field; lra.
Qed.

Theorem dpo_lemma2_support_refuted : ~ dpo_lemma2_support.
Proof.
pose ref (b : bool) : R := if b then 1 else 0; pose r' (b : bool) : R := if b then 0 else 1.
have hp : policy ref by split=> [[]|]; rewrite ?sum_bool /ref; lra.
move=> /(_ _ ref (fun=> 0) r' 1 hp Rlt_0_1) [|c hc].
  by apply/(dpo_lemma2_repaired_proved _ _ hp Rlt_0_1); exists 0 => -[]; rewrite /r' /ref; lra.
by have := hc true; have := hc false; rewrite /r'; lra.
Qed.

Theorem xu_sets_equal_proved : xu_sets_equal.
Proof.
move=> T ref p beta n href hp hb r; split; last exact: (dpo_bradley_terry_proved n href hb).1.
apply: full_eq => //; first exact: star_full.
move=> a b; rewrite delta_star // /r (ln_div (hp.1 a) (href.1 a)) (ln_div (hp.1 b) (href.1 b)) /delta.
by field; lra.
Qed.

(** ** Chains *)

Theorem rlhf_composes_proved : rlhf_composes.
Proof.
have one (T : finType) (ref r r' : T -> R) beta beta' : full ref -> 0 < beta -> 0 < beta' ->
    pi_star (pi_star ref r beta) r' beta' = normalised (fun y => ref y * exp (r y / beta + r' y / beta')).
  move=> href hb hb'; have hs := star_full r beta href.
  apply: full_eq; [exact: star_full|exact: (tilt_full href)|] => a b.
  rewrite (delta_star _ _ hs) (delta_star _ _ href) (delta_tilt href (fun y => r y / beta + r' y / beta')).
  by field; lra.
move=> T ref r r' beta beta' href hb hb' both; split; first exact: one.
rewrite one // /both; congr normalised; apply: functional_extensionality => y.
by rewrite [r' y / beta' + _]Rplus_comm.
Qed.

Theorem iterated_dpo_proved : iterated_dpo.
Proof.
move=> T ref r beta m k href hb m0 conn k0 round.
split=> [p hp|]; first by split; [exact: star_full|exact: thm_3_5_repaired_proved].
have rounds j : full (iter j round ref) /\ forall a b,
    delta (iter j round ref) a b = delta ref a b + INR j * ((r a - r b) / beta).
  elim: j => [|j [ih e]]; first by split=> // a b /=; lra.
  split=> [|a b]; first exact: star_full.
  by rewrite iterS /round delta_star // e S_INR; lra.
have hk : 0 < INR k by apply: lt_0_INR; exact/ltP.
apply: full_eq => [| |a b]; [exact: (rounds k).1|exact: star_full|].
by rewrite (rounds k).2 delta_star //; field; split; lra.
Qed.

Theorem dpo_temperature_not_identified_proved : dpo_temperature_not_identified.
Proof.
move=> T ref r beta kappa m href hb hk m0 conn.
suff <- : pi_star ref (fun y => kappa * r y) beta = pi_star ref r (beta / kappa) by exact: thm_3_5_repaired_proved.
apply: full_eq => [| |a b]; [exact: star_full|exact: star_full|].
by rewrite !delta_star //; field; split; lra.
Qed.

Theorem dpo_reference_free_proved : dpo_reference_free.
Proof.
move=> T ref uniform r p free beta m href hu flat hb m0 conn hp hf.
rewrite ((thm_3_5_repaired_proved r href hb m0 conn).2 p hp) ((thm_3_5_repaired_proved r hu hb m0 conn).2 free hf).
have hs := star_full r beta href; have [y0 _] := policy_inhabited (full_policy href).
have pos y : 0 < pi_star ref r beta y / ref y by apply: div_pos; [exact: hs.1|exact: href.1].
apply: full_eq => [| |a b]; [exact: star_full|exact: (normalised_full y0 pos)|].
rewrite (delta_star _ _ hu) (delta_normalised _ _ pos) (ln_div (hs.1 a) (href.1 a)) (ln_div (hs.1 b) (href.1 b)).
have := delta_star r beta href a b; rewrite /delta (flat a b); lra.
Qed.

Theorem dera_whole_proved : dera_whole.
Proof.
move=> T ref r beta beta' href hb hb'; have [y0 _] := policy_inhabited (full_policy href).
have pos y : 0 < Rpower (ref y) (1 - beta / beta') * Rpower (pi_star ref r beta y) (beta / beta').
  by apply: Rmult_lt_0_compat; exact: exp_pos.
apply: full_eq => [| |a b]; [exact: star_full|exact: (normalised_full y0 pos)|].
rewrite (delta_star _ _ href) (delta_normalised _ _ pos) !(ln_mult _ _ (exp_pos _) (exp_pos _)) /Rpower !ln_exp.
have := delta_star r beta href a b; rewrite /delta => e.
have -> : (r a - r b) / beta' = beta / beta' * ((r a - r b) / beta) by field; lra.
have -> : (r a - r b) / beta = ln (pi_star ref r beta a) - ln (pi_star ref r beta b) - (ln (ref a) - ln (ref b)) by lra.
ring.
Qed.

Lemma sum_on_le (T : finType) (P : pred T) (f g : T -> R) :
  (forall y, P y -> f y <= g y) -> \Sum_(y | P y) f y <= \Sum_(y | P y) g y.
Proof.
move=> le; rewrite -[X in X <= _]sum_if -[X in _ <= X]sum_if; apply: sum_le => y.
by case: ifP => [/le|_]; lra.
Qed.

Theorem rlhf_zero_temperature_proved : rlhf_zero_temperature.
Proof.
move=> T ref r beta B most g href hb [y0 By0] best worse q; split=> [a b Ba Bb|].
  by rewrite delta_star // !best //; lra.
have q0 : 0 < q.
  rewrite /q -sum_if; apply: (sum_gt0 (j := y0)) => [y|]; last by rewrite By0; exact: href.1.
  by case: ifP => _; [exact/Rlt_le/href.1|lra].
have Z0 := partition_pos r beta href.
have split_sum (f : T -> R) : \Sum_y f y = \Sum_(y | B y) f y + \Sum_(y | ~~ B y) f y by rewrite (bigID B).
have rest : \Sum_(y | ~~ B y) ref y = 1 - q by have := split_sum ref; rewrite href.2 -/q; lra.
have mono u v : u <= v -> exp (u / beta) <= exp (v / beta).
  by case=> [lt|->]; [apply/Rlt_le/exp_increasing/Rmult_lt_compat_r => //; exact: Rinv_0_lt_compat|lra].
have over : \Sum_(y | ~~ B y) (ref y * exp (r y / beta)) <= exp ((most - g) / beta) * (1 - q).
  rewrite -rest big_distrr /=; apply: sum_on_le => y no.
  rewrite [X in _ <= X]Rmult_comm; apply: Rmult_le_compat_l; first exact/Rlt_le/href.1.
  by apply: mono; exact: worse.
have under : exp (most / beta) * q <= partition ref r beta.
  rewrite /partition split_sum (_ : \Sum_(y | B y) (ref y * exp (r y / beta)) = exp (most / beta) * q).
    suff : 0 <= \Sum_(y | ~~ B y) (ref y * exp (r y / beta)) by lra.
    by apply: sum_ge0 => y _; apply/Rlt_le/Rmult_lt_0_compat; [exact: href.1|exact: exp_pos].
  by rewrite /q big_distrr /=; apply: eq_bigr => y By; rewrite best //; ring.
have -> : \Sum_(y | ~~ B y) pi_star ref r beta y =
    (\Sum_(y | ~~ B y) (ref y * exp (r y / beta))) / partition ref r beta.
  by rewrite /Rdiv big_distrl /=.
have e : exp ((most - g) / beta) = exp (- (g / beta)) * exp (most / beta).
  by rewrite -exp_plus; congr exp; field; lra.
have Em := exp_pos (most / beta); have Eg := exp_pos (- (g / beta)).
have q1 : 0 <= 1 - q by rewrite -rest; apply: sum_ge0 => y _; exact/Rlt_le/href.1.
apply: (Rmult_le_reg_r (partition ref r beta)) => //.
rewrite /Rdiv Rmult_assoc Rinv_l; last lra.
rewrite Rmult_1_r; apply: Rle_trans over _; rewrite e.
apply: (Rmult_le_reg_r q) => //.
have -> : exp (- (g / beta)) * (1 - q) * / q * partition ref r beta * q =
    exp (- (g / beta)) * (1 - q) * partition ref r beta.
  by field; lra.
have := Rmult_le_compat_l _ _ _ (Rmult_le_pos _ _ (Rlt_le _ _ Eg) q1) under; lra.
Qed.
