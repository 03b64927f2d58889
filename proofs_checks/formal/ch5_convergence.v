(** Chapter 5, convergence: where no label joins two blocks gradient flow of DPO ends at one minimiser, and which. *)
From Coq Require Import Reals Lra Psatz FunctionalExtensionality.
From Coquelicot Require Import Coquelicot.
From mathcomp Require Import ssreflect ssrfun ssrbool eqtype ssrnat seq choice fintype bigop path fingraph.
From Formal Require Import definitions sums softplus blocks claims ch3_solution_set definitions_cpo claims_cpo.
From Formal Require Import ch5_descent.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Open Scope R_scope.

Notation tends f v := (is_lim f p_infty (Finite v)).

Lemma tendsP f v : tends f v <-> forall eps, 0 < eps -> exists M, forall t, M <= t -> Rabs (f t - v) < eps.
Proof.
split=> [/is_lim_spec lim eps he|near].
  have [M hM] := lim (mkposreal eps he); exists (M + 1) => t Mt; apply: hM; lra.
apply/is_lim_spec => eps; have [M hM] := near eps (cond_pos eps); exists M => t Mt; apply: hM; lra.
Qed.

Lemma tends_sum (I : finType) (P : pred I) (f : I -> R -> R) (v : I -> R) :
  (forall i, P i -> tends (f i) (v i)) -> tends (fun t => \Sum_(i | P i) f i t) (\Sum_(i | P i) v i).
Proof.
move=> hf; rewrite -[index_enum _]/(index_enum I); elim: (index_enum I) => [|i s ih].
  by apply: (is_lim_ext (fun=> 0)) => [t|]; rewrite big_nil //; exact: is_lim_const.
case Pi: (P i); last first.
  by rewrite big_cons Pi; apply: is_lim_ext ih => t; rewrite big_cons Pi.
rewrite big_cons Pi; apply: (is_lim_ext (fun t => f i t + \big[Rplus/0]_(i <- s | P i) f i t)) => [t|].
  by rewrite big_cons Pi.
by apply: is_lim_plus' => //; exact: hf.
Qed.

Lemma tends_unique f a b : tends f a -> tends f b -> a = b.
Proof. by move=> /is_lim_unique ha /is_lim_unique; rewrite ha => -[]. Qed.

(** Probabilities converge with the logits. *)
Lemma softmax_tends (T : finType) (z : R -> T -> R) (v : T -> R) :
  (forall y, tends (fun t => z t y) (v y)) -> forall y, tends (fun t => softmax (z t) y) (softmax v y).
Proof.
move=> hz y; have e a : tends (fun t => exp (z t a)) (exp (v a)).
  apply: (is_lim_comp_continuous (fun t => z t a) exp) => //.
  by apply: (@ex_derive_continuous R_AbsRing R_NormedModule); exists (exp (v a)); exact: is_derive_exp.
have S : tends (fun t => \Sum_a exp (z t a)) (\Sum_a exp (v a)) by apply: tends_sum => a _; exact: e.
have pos : 0 < \Sum_a exp (v a) by apply: (mass_pos y) => a; exact: exp_pos.
have inv : tends (fun t => / \Sum_a exp (z t a)) (/ \Sum_a exp (v a)).
  have ne : Finite (\Sum_a exp (v a)) <> Finite 0 by move=> [] z0; lra.
  by have := is_lim_inv _ _ _ S ne.
by have := is_lim_mult _ _ _ _ _ (e y) inv I.
Qed.

Section Convergence.
Variables (T : finType) (ref : T -> R) (beta : R) (n : T -> T -> R) (z : R -> T -> R).
Hypotheses (ref_full : full ref) (beta_pos : 0 < beta) (n_ge0 : weights n).
Hypothesis none : forall w l, ~ joins_two_blocks n w l.
Hypothesis flow : gradient_flow (fun x => dpo_loss ref beta n (softmax x)) z.
Hypothesis start : softmax (z 0) = ref.
Variable q : T -> R.
Hypothesis fitted : minimises full (dpo_loss ref beta n) q.
Notation same := (same_block n).
Notation F := (logits_loss ref beta n).
Definition fitted_logits y := ln (q y).
Notation zs := fitted_logits.

Lemma softmax_fitted : softmax zs = q.
Proof.
have [y0 _] := policy_inhabited (full_policy ref_full); have [q0 q1] := fitted.1.
apply: functional_extensionality => y; rewrite /softmax /normalised /zs exp_ln //.
rewrite (_ : \Sum_a exp (ln (q a)) = 1); first by field.
by rewrite -q1; apply: eq_bigr => a _; rewrite exp_ln.
Qed.

Lemma fitted_least x : F zs <= F x.
Proof.
have [y0 _] := policy_inhabited (full_policy ref_full).
by rewrite /logits_loss softmax_fitted; apply: fitted.2; exact: softmax_full.
Qed.

(** ** A loss near its minimum has every label near its fitted margin. *)

Lemma label_near x w l g : 0 < n w l -> g <= gap (- implicit ref beta zs w l) (- implicit ref beta x w l) ->
  n w l * g <= F x - F zs.
Proof.
move=> pos le; pose mid y := (x y + zs y) / 2.
have terms : F x + F zs - 2 * F mid =
    \Sum_w \Sum_l (n w l * gap (- implicit ref beta zs w l) (- implicit ref beta x w l)).
  rewrite !logits_loss_pairs -sum2Z -sum2D -sum2B; apply: eq_sum2 => a b; rewrite /gap.
  rewrite (_ : (- implicit ref beta x a b + - implicit ref beta zs a b) / 2 = - implicit ref beta mid a b); first ring.
  by rewrite /implicit /mid; field.
have := fitted_least mid.
have := term_le_sum2 (f := fun w l => n w l * gap (- implicit ref beta zs w l) (- implicit ref beta x w l)) w l
  (fun a b => Rmult_le_pos _ _ (n_ge0 a b) (gap_ge0 _ _)).
by have := Rmult_le_compat_l _ _ _ (Rlt_le _ _ pos) le; lra.
Qed.

Definition off t y := z t y - zs y.

Lemma label_tends w l : 0 < n w l -> tends (fun t => off t w - off t l) 0.
Proof.
move=> pos; apply/tendsP => eps he.
have [g [g0 far]] := gap_far (- implicit ref beta zs w l) (Rmult_lt_0_compat _ _ beta_pos he).
have [M [_ hM]] := loss_tends_down n_ge0 flow zs (Rmult_lt_0_compat _ _ pos g0).
exists M => t Mt; rewrite Rminus_0_r; apply: Rnot_le_lt => big.
have dist : beta * eps <= Rabs (- implicit ref beta (z t) w l - - implicit ref beta zs w l).
  rewrite (_ : - _ - - _ = - (beta * (off t w - off t l))); last by rewrite /implicit /off; ring.
  rewrite Rabs_Ropp Rabs_mult (Rabs_right beta); last lra.
  by apply: Rmult_le_compat_l => //; lra.
by have := label_near pos (far _ dist); have := hM t Mt; lra.
Qed.

Lemma block_tends a b : same a b -> tends (fun t => off t a - off t b) 0.
Proof.
move=> /andP [/connectP [s path ->] _]; elim: s a path => [|c s ih] a /=.
  by move=> _; apply: (is_lim_ext (fun=> 0)) => [t|]; [rewrite Rminus_eq_0|exact: is_lim_const].
move=> /andP [/labelP pos /ih rest].
have := is_lim_plus' _ _ _ _ _ (label_tends pos) rest; rewrite Rplus_0_l.
by apply: is_lim_ext => t; ring.
Qed.

(** ** With the sum over the block, every logit converges. *)

Lemma closed a w l : label n w l -> same a w = same a l.
Proof.
move=> /(no_joins_iff n).1 => h; have wl := h none.
by apply/idP/idP => e; apply: same_trans e _ => //; rewrite same_sym.
Qed.

Notation size a := (\Sum_(y | same a y) 1).
Notation sum f a := (\Sum_(y | same a y) f y).

Lemma size_pos a : 0 < size a.
Proof.
rewrite -sum_if; apply: (sum_gt0 (j := a)) => [y|]; first by case: ifP => _; lra.
by rewrite same_refl; lra.
Qed.

Lemma sum_constant a c : \Sum_(y | same a y) c = c * size a.
Proof. by rewrite big_distrr /=; apply: eq_bigr => y _; lra. Qed.

Lemma sumB_on a (f g : T -> R) : \Sum_(y | same a y) (f y - g y) = sum f a - sum g a.
Proof.
have -> : sum f a = \Sum_(y | same a y) (f y - g y) + sum g a.
  by rewrite -big_split /=; apply: eq_bigr => y _; ring.
by lra.
Qed.

Definition limit a := zs a + (sum (z 0) a - sum zs a) / size a.

Lemma logit_tends a : tends (fun t => z t a) (limit a).
Proof.
have hs := size_pos a.
have lim : tends (fun t => \Sum_(y | same a y) (off t a - off t y)) (\Sum_(y | same a y) 0).
  by apply: tends_sum => y; exact: block_tends.
have lim2 := is_lim_plus' _ _ _ _ _ (is_lim_scal_l _ (/ size a) _ _ lim) (is_lim_const (limit a) p_infty).
apply: (is_lim_ext_loc _ _ _ _ _ _); last first.
  rewrite (_ : Finite (limit a) = Finite (Rmult (/ size a) (\Sum_(y | same a y) 0) + limit a)); first exact: lim2.
  have none0 : \Sum_(y | same a y) 0 = 0 by exact: big1.
  by rewrite none0 Rmult_0_r Rplus_0_l.
exists 0 => t ht.
have cons : sum (z t) a = sum (z 0) a by apply: (sum_conserved n_ge0 flow (@closed a)); lra.
have -> : \Sum_(y | same a y) (off t a - off t y) = off t a * size a - (sum (z t) a - sum zs a).
  by rewrite sumB_on sum_constant sumB_on.
by rewrite cons /limit /off; field; lra.
Qed.

Lemma limit_margins a b : same a b -> limit a - limit b = zs a - zs b.
Proof.
move=> ab; have := block_tends ab.
have := is_lim_minus' _ _ _ _ _ (@logit_tends a) (@logit_tends b) => l1 l2.
have l3 : tends (fun t => z t a - z t b) (0 + (zs a - zs b)).
  apply: (is_lim_ext (fun t => (off t a - off t b) + (zs a - zs b))) => [t|]; first by rewrite /off; ring.
  by apply: is_lim_plus' => //; exact: is_lim_const.
by rewrite (tends_unique l1 l3); ring.
Qed.

Lemma limit_minimises : minimises full (dpo_loss ref beta n) (softmax limit).
Proof.
have [y0 _] := policy_inhabited (full_policy ref_full); split=> [|x hx]; first exact: softmax_full.
suff -> : dpo_loss ref beta n (softmax limit) = dpo_loss ref beta n q by exact: fitted.2.
rewrite -softmax_fitted -![dpo_loss _ _ _ (softmax _)]/(F _) !logits_loss_pairs.
apply: eq_sum2 => w l; case: (boolP (label n w l)) => [lab|/(no_label n_ge0) ->]; last ring.
by rewrite /implicit limit_margins //; exact: ((no_joins_iff n).1 none).
Qed.

(** ** The gauge *)

Notation mean_ratio p a := ((\Sum_(y | same a y) ln (p y / ref y)) / size a).

Lemma limit_gauge : exists c, forall a, mean_ratio (softmax limit) a = c.
Proof.
pose k := ln (\Sum_y exp (z 0 y)) - ln (\Sum_y exp (limit y)).
exists k => a; have hs := size_pos a.
have lsm (x : T -> R) y : ln (softmax x y) = x y - ln (\Sum_b exp (x b)).
  by rewrite /softmax ln_normalised ?ln_exp // => b; exact: exp_pos.
have term y : ln (softmax limit y / ref y) = limit y - z 0 y + k.
  rewrite -start ln_div; [|exact: (softmax_full limit y).1|exact: (softmax_full (z 0) y).1].
  by rewrite !lsm /k; ring.
have -> : \Sum_(y | same a y) ln (softmax limit y / ref y) = sum limit a - sum (z 0) a + k * size a.
  by rewrite -sumB_on -sum_constant -big_split /=; apply: eq_bigr => y _; exact: term.
have -> : sum limit a = sum (z 0) a; last by field; lra.
apply: (tends_unique (f := fun t => sum (z t) a)).
  by apply: tends_sum => y _; exact: logit_tends.
apply: (is_lim_ext_loc (fun=> sum (z 0) a)); last exact: is_lim_const.
by exists 0 => t ht; rewrite (sum_conserved n_ge0 flow (@closed a)); lra.
Qed.

Lemma gauge_unique p : minimises full (dpo_loss ref beta n) p ->
  (forall a b, mean_ratio p a = mean_ratio p b) -> p = softmax limit.
Proof.
move=> hp gauge; have [y0 _] := policy_inhabited (full_policy ref_full); have hl := limit_minimises.
have all_inside x : dpo_loss ref beta (inside n) x = dpo_loss ref beta n x.
  by apply: eq_sum2 => w l; rewrite (inside_all n_ge0) //; exact/no_joins_iff.
have inner x : minimises full (dpo_loss ref beta n) x -> minimises full (dpo_loss ref beta (inside n)) x.
  by move=> [hx least]; split=> // x' hx'; rewrite !all_inside; exact: least.
have margins := inside_margins ref_full beta_pos n_ge0 (inner _ hp) (inner _ hl).
have [c hc] := limit_gauge.
pose k y := ln (p y) - ln (softmax limit y).
have on_block a : mean_ratio p a - mean_ratio (softmax limit) a = k a.
  have hs := size_pos a.
  have e : \Sum_(y | same a y) ln (p y / ref y) - \Sum_(y | same a y) ln (softmax limit y / ref y) = k a * size a.
    rewrite -(sumB_on a (fun y => ln (p y / ref y)) (fun y => ln (softmax limit y / ref y))) -sum_constant.
    apply: eq_bigr => y ay.
    rewrite (ln_div (hp.1.1 y) (ref_full.1 y)) (ln_div (hl.1.1 y) (ref_full.1 y)).
    by have := margins a y ay; rewrite /delta /k; lra.
  apply: (Rmult_eq_reg_r (size a)); last lra.
  by rewrite -e; field; lra.
apply: full_eq hp.1 hl.1 _ => a b; have := on_block a; have := on_block b.
by rewrite (gauge a b) !hc /k /delta; lra.
Qed.
End Convergence.

Lemma component_is_block (T : finType) (n : T -> T -> R) : (forall w l, ~ joins_two_blocks n w l) ->
  forall a y, connect (linked n) a y = same_block n a y.
Proof.
move=> none a y; have inner := (no_joins_iff n).1 none; apply/idP/idP.
  rewrite -connect_same; apply: connect_sub => b c /orP [] /inner e; apply: connect1 => //.
  by rewrite same_sym.
move=> /andP [h _]; apply: connect_sub h => b c e; apply: connect1; rewrite /linked e //.
Qed.

Theorem flow_member_proved : flow_member.
Proof.
move=> T ref beta n z href hb n_ge0 none flow start component mean_ratio.
have [p hp] : exists p, minimises full (dpo_loss ref beta n) p by apply/dpo_attained_iff.
have block f a : \Sum_(y | component a y) f y = \Sum_(y | same_block n a y) f y.
  by apply: eq_bigl => y; exact: component_is_block.
split=> [t a ht|].
  rewrite !block; apply: (sum_conserved n_ge0 flow _ ht) => w l; exact: closed.
exists (softmax (limit n z p)); split; first exact: limit_minimises.
split=> [y|]; first by apply/tendsP; apply: softmax_tends => a; exact: (logit_tends href hb n_ge0 none flow hp).
split=> [a b|q hq gauge].
  by have [c hc] := limit_gauge href hb n_ge0 none flow start hp; rewrite /mean_ratio !block !hc.
apply: (gauge_unique href hb n_ge0 none flow start hp hq) => a b.
by have := gauge a b; rewrite /mean_ratio !block.
Qed.
