(** Finite sums, logarithms, normalisation, and the one inequality behind every optimum here: x log(x/y) >= x - y. *)
From Coq Require Import Reals Lra Psatz FunctionalExtensionality.
From mathcomp Require Import ssreflect ssrfun ssrbool eqtype ssrnat seq choice fintype bigop.
From Formal Require Import definitions.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Open Scope R_scope.

(** * Sums *)

Section Sums.
Variable T : finType.
Implicit Types f g : T -> R.

Lemma sumD f g : \Sum_i (f i + g i) = \Sum_i f i + \Sum_i g i.
Proof. exact: big_split. Qed.

Lemma sumZ c f : \Sum_i (c * f i) = c * \Sum_i f i.
Proof. by rewrite big_distrr. Qed.

Lemma sumB f g : \Sum_i (f i - g i) = \Sum_i f i - \Sum_i g i.
Proof.
transitivity (\Sum_i (f i + (-1) * g i)); first by apply: eq_bigr => i _; lra.
by rewrite sumD sumZ; lra.
Qed.

Lemma sum0 : \big[Rplus/0]_(i : T) 0 = 0.
Proof. exact: big1. Qed.

Lemma sum_ge0 (P : pred T) f : (forall i, P i -> 0 <= f i) -> 0 <= \Sum_(i | P i) f i.
Proof. by move=> hf; apply: big_ind => [|x y|i /hf]; lra. Qed.

Lemma sum_le f g : (forall i, f i <= g i) -> \Sum_i f i <= \Sum_i g i.
Proof.
move=> hfg; have: 0 <= \Sum_i (g i - f i) by apply: sum_ge0 => i _; move: (hfg i); lra.
by rewrite sumB; lra.
Qed.

Lemma term_le_sum f j : (forall i, 0 <= f i) -> f j <= \Sum_i f i.
Proof.
move=> hf; rewrite (bigD1 j) //=.
have: 0 <= \Sum_(i | i != j) f i by apply: sum_ge0.
lra.
Qed.

Lemma sum_gt0 f j : (forall i, 0 <= f i) -> 0 < f j -> 0 < \Sum_i f i.
Proof. by move=> hf hj; move: (term_le_sum j hf); lra. Qed.

Lemma sum_lt f g j : (forall i, f i <= g i) -> f j < g j -> \Sum_i f i < \Sum_i g i.
Proof.
move=> hfg hj; have: 0 < \Sum_i (g i - f i) by apply: (sum_gt0 (j := j)) => [i|]; first move: (hfg i); lra.
by rewrite sumB; lra.
Qed.

Lemma terms_eq0 f : (forall i, 0 <= f i) -> \Sum_i f i <= 0 -> forall i, f i = 0.
Proof. by move=> hf s i; move: (term_le_sum i hf) (hf i); lra. Qed.

Lemma sum_if (P : pred T) f : \Sum_i (if P i then f i else 0) = \Sum_(i | P i) f i.
Proof. by rewrite -big_mkcond. Qed.

Lemma sum_at f a : \Sum_y (if y == a then f y else 0) = f a.
Proof. by rewrite sum_if big_pred1_eq. Qed.
End Sums.

Section DoubleSums.
Variable T : finType.
Implicit Types f g : T -> T -> R.

Lemma sum2D f g : \Sum_i \Sum_j (f i j + g i j) = \Sum_i \Sum_j f i j + \Sum_i \Sum_j g i j.
Proof. by rewrite -sumD; apply: eq_bigr => i _; exact: sumD. Qed.

Lemma sum2B f g : \Sum_i \Sum_j (f i j - g i j) = \Sum_i \Sum_j f i j - \Sum_i \Sum_j g i j.
Proof. by rewrite -sumB; apply: eq_bigr => i _; exact: sumB. Qed.

Lemma sum2Z c f : \Sum_i \Sum_j (c * f i j) = c * \Sum_i \Sum_j f i j.
Proof. by rewrite -sumZ; apply: eq_bigr => i _; exact: sumZ. Qed.

Lemma eq_sum2 f g : (forall i j, f i j = g i j) -> \Sum_i \Sum_j f i j = \Sum_i \Sum_j g i j.
Proof. by move=> hfg; apply: eq_bigr => i _; apply: eq_bigr => j _; exact: hfg. Qed.

Lemma sum2_ge0 f : (forall i j, 0 <= f i j) -> 0 <= \Sum_i \Sum_j f i j.
Proof. by move=> hf; apply: sum_ge0 => i _; exact: sum_ge0. Qed.

Lemma sum2_le f g : (forall i j, f i j <= g i j) -> \Sum_i \Sum_j f i j <= \Sum_i \Sum_j g i j.
Proof. by move=> hfg; apply: sum_le => i; exact: sum_le. Qed.

Lemma term_le_sum2 f a b : (forall i j, 0 <= f i j) -> f a b <= \Sum_i \Sum_j f i j.
Proof.
move=> hf; apply: Rle_trans (term_le_sum (f := f a) b (hf a)) _.
by apply: (term_le_sum (f := fun i => \Sum_j f i j) a) => i; exact: sum_ge0.
Qed.

Lemma sum2_gt0 f a b : (forall i j, 0 <= f i j) -> 0 < f a b -> 0 < \Sum_i \Sum_j f i j.
Proof. by move=> hf hab; have := term_le_sum2 a b hf; lra. Qed.

Lemma sum2_lt f g a b : (forall i j, f i j <= g i j) -> f a b < g a b -> \Sum_i \Sum_j f i j < \Sum_i \Sum_j g i j.
Proof.
move=> hfg hab; suff: 0 < \Sum_i \Sum_j (g i j - f i j) by rewrite sum2B; lra.
by apply: (sum2_gt0 (a := a) (b := b)) => [i j|]; first move: (hfg i j); lra.
Qed.

Lemma terms2_eq0 f : (forall i j, 0 <= f i j) -> \Sum_i \Sum_j f i j <= 0 -> forall i j, f i j = 0.
Proof. by move=> hf s i j; have := term_le_sum2 i j hf; have := hf i j; lra. Qed.

Lemma sum2_at f a b : \Sum_i \Sum_j (if (i == a) && (j == b) then f i j else 0) = f a b.
Proof.
rewrite -(sum_at (fun i => f i b) a); apply: eq_bigr => i _; case: (i == a) => /=.
  exact: sum_at.
exact: sum0.
Qed.

Lemma sum2_swap f : \Sum_i \Sum_j f i j = \Sum_i \Sum_j f j i.
Proof. exact: exchange_big. Qed.
End DoubleSums.

Lemma sum_bool (f : bool -> R) : \Sum_b f b = f true + f false.
Proof. by rewrite big_bool. Qed.

(** * Exponential and logarithm *)

Lemma exp_ge1x x : 1 + x <= exp x.
Proof. by case: (Req_dec x 0) => [->|/exp_ineq1]; rewrite ?exp_0; lra. Qed.

Lemma div_pos a b : 0 < a -> 0 < b -> 0 < a / b.
Proof. by move=> *; apply: Rdiv_lt_0_compat. Qed.

Lemma ln_div a b : 0 < a -> 0 < b -> ln (a / b) = ln a - ln b.
Proof. by move=> ha hb; rewrite /Rdiv ln_mult ?ln_Rinv //; exact: Rinv_0_lt_compat. Qed.

Lemma ln_mono a b : 0 < a -> a <= b -> ln a <= ln b.
Proof. by move=> ha [/(ln_increasing _ _ ha)|->]; lra. Qed.

Lemma ln_lt a b : 0 < a -> 0 < b -> (ln a < ln b <-> a < b).
Proof. by move=> ha hb; split=> [|lt]; [exact: ln_lt_inv|exact: ln_increasing]. Qed.

Lemma xlnx_ge a b : 0 <= a -> 0 < b -> a - b <= a * ln (a / b).
Proof.
case=> [ha hb|<- hb]; last by lra.
rewrite ln_div //; have := exp_ge1x (ln b - ln a).
rewrite /Rminus exp_plus exp_Ropp !exp_ln // => he.
have: a * (1 + (ln b + - ln a)) <= a * (b * / a) by apply: Rmult_le_compat_l; lra.
have -> : a * (b * / a) = b by field; lra.
lra.
Qed.

Lemma xlnx_eq a b : 0 <= a -> 0 < b -> a * ln (a / b) <= a - b -> a = b.
Proof.
case=> [ha hb|<- hb]; last by lra.
case: (Req_dec (ln b - ln a) 0) => [e _|/exp_ineq1].
  by apply: ln_inv => //; lra.
rewrite ln_div // /Rminus exp_plus exp_Ropp !exp_ln // => he.
have: a * (1 + (ln b + - ln a)) < a * (b * / a) by apply: Rmult_lt_compat_l; lra.
have -> : a * (b * / a) = b by field; lra.
lra.
Qed.

(** * Policies *)

Section Policies.
Variable T : finType.
Implicit Types p q : T -> R.

Lemma full_policy p : full p -> policy p.
Proof. by case=> hp s; split=> // y; apply: Rlt_le. Qed.

Lemma policy_inhabited p : policy p -> exists y : T, True.
Proof.
case=> _; case: (pickP (mem T)) => [y _|no]; first by exists y.
by rewrite big_pred0; [lra|move=> y; have := no y; rewrite inE].
Qed.

Lemma policy_le1 p y : policy p -> p y <= 1.
Proof. by case=> hp <-; exact: term_le_sum. Qed.

Lemma KL_ge0 p q : policy p -> full q -> 0 <= KL p q.
Proof.
move=> [hp sp] [hq sq].
have: \Sum_y (p y - q y) <= KL p q by apply: sum_le => y; apply: xlnx_ge.
by rewrite sumB sp sq; lra.
Qed.

Lemma KL_eq0 p q : policy p -> full q -> KL p q <= 0 -> p = q.
Proof.
move=> [hp sp] [hq sq] hK; apply: functional_extensionality => y; apply: xlnx_eq => //.
pose d z := p z * ln (p z / q z) - (p z - q z).
have d0 z : 0 <= d z by rewrite /d; have := xlnx_ge (hp z) (hq z); lra.
suff: d y = 0 by rewrite /d; lra.
by apply: (terms_eq0 d0); rewrite /d sumB sumB sp sq -/(KL p q); lra.
Qed.

Lemma KL_self p : full p -> KL p p = 0.
Proof.
move=> [hp _]; rewrite /KL big1 // => y _.
by rewrite /Rdiv Rinv_r ?ln_1 ?Rmult_0_r //; have := hp y; lra.
Qed.

(** ** Normalisation *)

Lemma mass_pos q (y0 : T) : (forall y, 0 < q y) -> 0 < \Sum_y q y.
Proof. by move=> hq; apply: (sum_gt0 (j := y0)) => // y; exact: Rlt_le. Qed.

Lemma normalised_full q (y0 : T) : (forall y, 0 < q y) -> full (normalised q).
Proof.
move=> hq; have hs := mass_pos y0 hq; split=> [y|]; first exact: div_pos.
transitivity (\Sum_y (/ (\Sum_z q z) * q y)); first by apply: eq_bigr => y _; rewrite /normalised /Rdiv Rmult_comm.
by rewrite sumZ; apply: Rinv_l; lra.
Qed.

Lemma ln_normalised q y : (forall z, 0 < q z) -> ln (normalised q y) = ln (q y) - ln (\Sum_z q z).
Proof. by move=> hq; rewrite /normalised ln_div //; exact: (mass_pos y). Qed.

Lemma delta_normalised q w l : (forall z, 0 < q z) -> delta (normalised q) w l = ln (q w) - ln (q l).
Proof. by move=> hq; rewrite /delta !ln_normalised //; lra. Qed.

Lemma delta_gt0 p w l : full p -> (0 < delta p w l <-> p l < p w).
Proof. by case=> hp _; rewrite -(ln_lt (hp l) (hp w)) /delta; split; lra. Qed.

Lemma delta_lt0 p w l : full p -> (delta p w l < 0 <-> p w < p l).
Proof. by case=> hp _; rewrite -(ln_lt (hp w) (hp l)) /delta; split; lra. Qed.

Lemma delta_opp p w l : delta p l w = - delta p w l.
Proof. by rewrite /delta; lra. Qed.

Lemma h_opp ref p w l : h ref p l w = - h ref p w l.
Proof. by rewrite /h /delta; lra. Qed.

(** Policies of full support with the same margins are the same. *)
Lemma full_eq p q : full p -> full q -> (forall a b, delta p a b = delta q a b) -> p = q.
Proof.
move=> [hp sp] [hq sq] e; apply: functional_extensionality => y.
have k z : p z = p y / q y * q z.
  apply: ln_inv; [exact: hp|by apply: Rmult_lt_0_compat => //; exact: div_pos|].
  by rewrite ln_mult // ?ln_div //; [have := e z y; rewrite /delta; lra|exact: div_pos].
have: \Sum_z p z = p y / q y * \Sum_z q z by rewrite -sumZ; apply: eq_bigr => z _; exact: k.
by rewrite sp sq Rmult_1_r => e1; rewrite (k y) -e1; lra.
Qed.

(** ** Every list of log-ratios is that of a policy *)

Section Tilt.
Variables (ref : T -> R) (ref_full : full ref).

Definition tilt (x : T -> R) := normalised (fun y => ref y * exp (x y)).

Lemma tilt_pos x y : 0 < ref y * exp (x y).
Proof. by apply: Rmult_lt_0_compat; [exact: ref_full.1|exact: exp_pos]. Qed.

Lemma tilt_full x : full (tilt x).
Proof. by have [y _] := policy_inhabited (full_policy ref_full); exact: (normalised_full y (tilt_pos x)). Qed.

Lemma ln_tilt_pos x y : ln (ref y * exp (x y)) = ln (ref y) + x y.
Proof. by rewrite ln_mult ?ln_exp //; [exact: ref_full.1|exact: exp_pos]. Qed.

Lemma h_tilt x w l : h ref (tilt x) w l = x w - x l.
Proof. by rewrite /h (delta_normalised _ _ (tilt_pos x)) !ln_tilt_pos /delta; lra. Qed.

Lemma delta_tilt x w l : delta (tilt x) w l = delta ref w l + (x w - x l).
Proof. by rewrite -h_tilt /h; lra. Qed.

Lemma h_log_ratio p w l : full p -> h ref p w l = ln (p w / ref w) - ln (p l / ref l).
Proof. by case=> hp _; rewrite /h /delta !ln_div //; [lra|exact: ref_full.1|exact: ref_full.1]. Qed.

(** Some policy has any given margin on a pair. *)
Lemma policy_with_margin w l d : w != l -> exists p, full p /\ delta p w l = d.
Proof.
move=> wl; exists (tilt (fun y => if y == w then d - delta ref w l else 0)); split; first exact: tilt_full.
by rewrite delta_tilt eqxx eq_sym (negbTE wl); lra.
Qed.
End Tilt.
End Policies.
