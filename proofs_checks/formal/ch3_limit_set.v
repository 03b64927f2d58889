(** Chapter 3, where the mass goes: the limits of minimising sequences of DPO are the policies on the source blocks with
    the fitted proportions inside each. *)
From Coq Require Import Reals Lra Psatz.
From Coquelicot Require Import Coquelicot.
From mathcomp Require Import ssreflect ssrfun ssrbool eqtype ssrnat seq choice fintype bigop path finset fingraph.
From Formal Require Import definitions sums softplus claims existence blocks ch3_existence ch3_solution_set.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Open Scope R_scope.

Lemma limit_of_sum (T : finType) (u : nat -> T -> R) (p : T -> R) :
  (forall y, is_lim_seq (fun k => u k y) (p y)) -> is_lim_seq (fun k => \Sum_y u k y) (\Sum_y p y).
Proof.
move=> hu; rewrite -[index_enum _]/(index_enum T); elim: (index_enum T) => [|y s ih].
  apply: (is_lim_seq_ext (fun=> 0)) => [k|]; first by rewrite big_nil.
  by rewrite big_nil; exact: is_lim_seq_const.
apply: (is_lim_seq_ext (fun k => u k y + \big[Rplus/0]_(i <- s) u k i)) => [k|]; first by rewrite big_cons.
by rewrite big_cons; exact: is_lim_seq_plus'.
Qed.

Lemma limit_eq u (a b : R) : is_lim_seq u a -> is_lim_seq u b -> a = b.
Proof. by move=> /is_lim_seq_unique ha /is_lim_seq_unique; rewrite ha => -[]. Qed.

Lemma limit_le u (a b : R) : is_lim_seq u a -> eventually (fun k => u k <= b) -> a <= b.
Proof. by move=> hu le; exact: (is_lim_seq_le_loc u (fun=> b) a b le hu (is_lim_seq_const b)). Qed.

Lemma limit_ge u (a b : R) : is_lim_seq u a -> eventually (fun k => b <= u k) -> b <= a.
Proof. by move=> hu le; exact: (is_lim_seq_le_loc (fun=> b) u b a le (is_lim_seq_const b) hu). Qed.

Lemma eventually_below u (a c : R) : is_lim_seq u a -> a < c -> eventually (fun k => u k < c).
Proof. by move=> hu lt; exact (hu _ (open_Rbar_lt' a c lt)). Qed.

Section Limits.
Variables (T : finType) (ref : T -> R) (beta : R) (n : T -> T -> R) (q : T -> R) (v : R).
Hypotheses (ref_full : full ref) (beta_pos : 0 < beta) (n_ge0 : weights n).
Hypothesis fits : forall a, minimises full (dpo_loss ref beta (of_block n a)) q.
Hypothesis inf_v : infimum full (dpo_loss ref beta n) v.
Notation loss := (dpo_loss ref beta n).
Notation loss_in := (dpo_loss ref beta (inside n)).

Lemma q_full : full q.
Proof. by have [y _] := policy_inhabited (full_policy ref_full); exact: (fits y).1. Qed.

Lemma q_inside : minimises full loss_in q.
Proof. by have [y _] := policy_inhabited (full_policy ref_full); exact: fitted_inside. Qed.

Lemma infimum_value : v = loss_in q.
Proof.
have [q0 [fits0 inf0]] := fitted_exists ref_full beta_pos n_ge0.
have [y _] := policy_inhabited (full_policy ref_full); have best0 := fitted_inside ref_full fits0 y.
rewrite (infimum_unique inf_v inf0); apply: Rle_antisym.
  exact: best0.2 _ q_full.
exact: q_inside.2 _ best0.1.
Qed.

(** ** Every limit is of that kind *)

Section FromSequence.
Variables (u : nat -> T -> R) (p : T -> R).
Hypotheses (u_full : forall k, full (u k)) (u_loss : is_lim_seq (fun k => loss (u k)) v).
Hypothesis u_limit : forall y, is_lim_seq (fun k => u k y) (p y).

Lemma limit_policy : policy p.
Proof.
split=> [y|].
  by apply: (limit_ge (@u_limit y)); exists 0%N => k _; exact/Rlt_le/(u_full k).1.
apply: (limit_eq (limit_of_sum u_limit)); apply: (is_lim_seq_ext (fun=> 1)) => [k|]; last exact: is_lim_seq_const.
by rewrite (u_full k).2.
Qed.

Lemma excess_small c : 0 < c -> eventually (fun k => loss (u k) - v < c).
Proof.
move=> hc; have lt : v < v + c by lra.
by apply: filter_imp (eventually_below u_loss lt) => k; lra.
Qed.

Lemma inside_le_loss x : loss_in x <= loss x.
Proof.
apply: sum2_le => w l; apply: Rmult_le_compat_r; first exact/Rlt_le/sp_pos.
by rewrite /inside; case: ifP => _; [lra|exact: n_ge0].
Qed.

(** A label between blocks costs at most the excess, *)
Lemma joining_excess k w l : joins_two_blocks n w l -> n w l * sp (- (beta * h ref (u k) w l)) <= loss (u k) - v.
Proof.
move=> [_ no]; have := q_inside.2 _ (u_full k); rewrite -infimum_value => le.
have term0 a b : 0 <= n a b * sp (- (beta * h ref (u k) a b)) - inside n a b * sp (- (beta * h ref (u k) a b)).
  rewrite -Rmult_minus_distr_r; apply: Rmult_le_pos; last exact/Rlt_le/sp_pos.
  by rewrite /inside; case: ifP => _; [lra|have := n_ge0 a b; lra].
have e : \Sum_a \Sum_b (n a b * sp (- (beta * h ref (u k) a b)) - inside n a b * sp (- (beta * h ref (u k) a b))) =
  loss (u k) - loss_in (u k) by exact: sum2B.
have z : inside n w l = 0 by rewrite /inside (negbTE no).
by have := term_le_sum2 w l term0; rewrite e z; lra.
Qed.

(** so its loser's mass vanishes; *)
Lemma joined_loser_vanishes w l : joins_two_blocks n w l -> p l = 0.
Proof.
move=> joins; have [/labelP pos _] := joins; apply: Rle_antisym; last exact: limit_policy.1.
apply: le_epsilon => eps he; rewrite Rplus_0_l; apply: (limit_le (@u_limit l)).
pose z := beta * (ln eps + delta ref w l).
apply: filter_imp (excess_small (Rmult_lt_0_compat _ _ pos (sp_pos z))) => k lt.
have := joining_excess k joins => le; have /sp_lt_iff : sp (- (beta * h ref (u k) w l)) < sp z.
  by apply: (Rmult_lt_reg_l (n w l)) => //; lra.
move=> lz; have {}lz : - h ref (u k) w l < ln eps + delta ref w l.
  by apply: (Rmult_lt_reg_l beta) => //; rewrite /z in lz; lra.
have [uk _] := u_full k; have uw : ln (u k w) <= 0.
  by rewrite -ln_1; apply: ln_mono => //; exact/policy_le1/full_policy.
by apply/Rlt_le/(ln_lt (uk l) he); move: lz; rewrite /h /delta; lra.
Qed.

(** a label of any kind keeps its loser's mass within a constant of its winner's; *)
Lemma zero_passes_on w l : label n w l -> p w = 0 -> p l = 0.
Proof.
move=> /labelP pos pw; pose B := (v + 1) / n w l / beta - delta ref w l.
have le : p l <= exp B * p w.
  have lim : is_lim_seq (fun k => exp B * u k w - u k l) (exp B * p w - p l).
    by apply: is_lim_seq_minus' => //; apply: (is_lim_seq_scal_l (fun k => u k w) (exp B) (p w)).
  suff : 0 <= exp B * p w - p l by lra.
  apply: (limit_ge lim); apply: filter_imp (excess_small Rlt_0_1) => k lt.
  have term0 a b : 0 <= n a b * sp (- (beta * h ref (u k) a b)).
    by apply: Rmult_le_pos; [exact: n_ge0|exact/Rlt_le/sp_pos].
  have := term_le_sum2 w l term0; rewrite -/(loss (u k)) => term.
  have hz : - (beta * h ref (u k) w l) <= (v + 1) / n w l.
    apply: (Rmult_le_reg_l (n w l)) => //; rewrite (_ : n w l * ((v + 1) / n w l) = v + 1); last by field; lra.
    have := Rmult_lt_compat_l _ _ _ pos (sp_gt (- (beta * h ref (u k) w l))); lra.
  have {}hz : - h ref (u k) w l <= (v + 1) / n w l / beta.
    apply: (Rmult_le_reg_l beta) => //.
    by rewrite (_ : beta * ((v + 1) / n w l / beta) = (v + 1) / n w l); [lra|field; lra].
  have [uk _] := u_full k; suff: u k l <= exp B * u k w by lra.
  rewrite -(exp_ln _ (uk l)) -[X in exp B * X](exp_ln _ (uk w)) -exp_plus.
  have : ln (u k l) <= B + ln (u k w) by move: hz; rewrite /B /h {1}/delta; lra.
  by case=> [/exp_increasing|->]; lra.
by rewrite pw Rmult_0_r in le; apply: Rle_antisym => //; exact: limit_policy.1.
Qed.

Lemma off_sources y : ~ in_source_block n y -> p y = 0.
Proof.
have path_zero s w : path (label n) w s -> p w = 0 \/ ~~ same_block n w (last w s) -> p (last w s) = 0.
  elim: s w => [|c s ih] w /=; first by move=> _ [//|]; rewrite same_refl.
  case/andP => wc hs [z|no]; apply: ih => //; first by left; exact: zero_passes_on z.
  case: (boolP (same_block n w c)) => [same|diff]; last by left; exact: (@joined_loser_vanishes w c).
  by right; rewrite -(same_eq same).
move=> no; apply: Rle_antisym; last exact: limit_policy.1.
apply: Rnot_lt_le => pos; apply: no => w /connectP [s hs ey].
by apply: contraT => diff; have := path_zero s w hs; rewrite -ey => z; have := z (or_intror diff); lra.
Qed.

(** inside a block the margins tend to the fitted ones: the midpoint of u and q costs no less than q. *)
Lemma inside_gap k w l : inside n w l * gap (- (beta * h ref q w l)) (- (beta * h ref (u k) w l)) <= loss (u k) - v.
Proof.
pose m := tilt ref (fun y => (log_ratio ref (u k) y + log_ratio ref q y) / 2).
have hm a b : h ref m a b = (h ref (u k) a b + h ref q a b) / 2.
  by rewrite /m h_tilt // (h_log_ratio ref_full _ _ (u_full k)) (h_log_ratio ref_full _ _ q_full) /log_ratio; lra.
have term0 a b : 0 <= inside n a b * gap (- (beta * h ref q a b)) (- (beta * h ref (u k) a b)).
  by apply: Rmult_le_pos; [exact: inside_ge0|exact: gap_ge0].
apply: Rle_trans (term_le_sum2 w l term0) _.
have -> : \Sum_a \Sum_b (inside n a b * gap (- (beta * h ref q a b)) (- (beta * h ref (u k) a b))) =
    loss_in (u k) + loss_in q - 2 * loss_in m.
  rewrite /dpo_loss -sum2Z -sum2D -sum2B; apply: eq_sum2 => a b; rewrite /gap hm.
  by rewrite (_ : - (beta * ((h ref (u k) a b + h ref q a b) / 2)) =
    (- (beta * h ref (u k) a b) + - (beta * h ref q a b)) / 2); lra.
have := q_inside.2 _ (tilt_full ref_full (fun y => (log_ratio ref (u k) y + log_ratio ref q y) / 2)); rewrite -/m.
by have := inside_le_loss (u k); rewrite -infimum_value; lra.
Qed.

Lemma margins_converge w l : label n w l -> same_block n w l ->
  is_lim_seq (fun k => delta (u k) w l) (delta q w l).
Proof.
move=> /labelP pos same; apply/is_lim_seq_Reals => eps he.
have [g [g0 far]] := gap_far (- (beta * h ref q w l)) (Rmult_lt_0_compat _ _ beta_pos he).
have [K hK] := excess_small (Rmult_lt_0_compat _ _ pos g0); exists K => k /leP le.
have := inside_gap k w l; rewrite [inside n w l]/inside same => le_gap.
have lt : gap (- (beta * h ref q w l)) (- (beta * h ref (u k) w l)) < g.
  by apply: (Rmult_lt_reg_l (n w l)) => //; have := hK k (elimT leP le); lra.
rewrite /R_dist; apply: Rnot_le_lt => big; apply: Rlt_not_le lt _; apply: far.
rewrite (_ : _ - _ = - beta * (delta (u k) w l - delta q w l)); last by rewrite /h; lra.
by rewrite Rabs_mult Rabs_Ropp (Rabs_right beta); [apply: Rmult_le_compat_l|]; lra.
Qed.

Lemma fitted_proportions a b : same_block n a b -> p a * q b = p b * q a.
Proof.
move=> ab; have [q0 _] := q_full.
have edge w l : label n w l -> same_block n w l -> p w / q w = p l / q l.
  move=> lab same; have lim := margins_converge lab same.
  have e1 : p w = p l * exp (delta q w l).
    apply: (limit_eq (@u_limit w)); apply: (is_lim_seq_ext (fun k => u k l * exp (delta (u k) w l))) => [k|].
      have [uk _] := u_full k.
      by rewrite /delta /Rminus exp_plus exp_Ropp !exp_ln //; field; have := uk l; lra.
    apply: is_lim_seq_mult' => //; apply: is_lim_seq_continuous lim.
    by apply: derivable_continuous_pt; exact: derivable_pt_exp.
  rewrite e1 /delta /Rminus exp_plus exp_Ropp !exp_ln //; field.
  by split; [have := q0 l; lra|have := q0 w; lra].
have := constant_on_blocks (f := fun y => p y / q y) edge ab => e.
have -> : p a = p b / q b * q a by rewrite -e; field; have := q0 a; lra.
by field; have := q0 b; lra.
Qed.
End FromSequence.

(** ** Every policy of that kind is a limit *)

Section ToSequence.
Variable p : T -> R.
Hypotheses (p_policy : policy p) (p_off : forall y, ~ in_source_block n y -> p y = 0).
Hypothesis p_fitted : forall a b, same_block n a b -> p a * q b = p b * q a.

(** The block's mass over its fitted one, and a little more the higher it stands. *)
Definition lift k y := p y / q y + exp (- (INR k * (INR #|T| + 1 - height n y))).
Definition approach k := normalised (fun y => q y * lift k y).

Lemma height_le y : height n y <= INR #|T|.
Proof. by apply: le_INR; apply/leP; exact: max_card. Qed.

Lemma share_ge0 y : 0 <= p y / q y.
Proof. by apply: Rmult_le_pos; [exact: p_policy.1|exact/Rlt_le/Rinv_0_lt_compat/q_full.1]. Qed.

Lemma lift_pos k y : 0 < lift k y.
Proof. by have := share_ge0 y; have := exp_pos (- (INR k * (INR #|T| + 1 - height n y))); rewrite /lift; lra. Qed.

Lemma lifted_pos k y : 0 < q y * lift k y.
Proof. by apply: Rmult_lt_0_compat; [exact: q_full.1|exact: lift_pos]. Qed.

Lemma approach_full k : full (approach k).
Proof. by have [y _] := policy_inhabited p_policy; exact: (normalised_full y (lifted_pos k)). Qed.

Lemma lift_limit y : is_lim_seq (fun k => lift k y) (p y / q y).
Proof.
rewrite -[X in is_lim_seq _ (Finite X)]Rplus_0_r; apply: is_lim_seq_plus'; first exact: is_lim_seq_const.
apply: (is_lim_seq_le_le (fun=> 0) _ (fun k => / (INR k + 1))); last 1 first.
- apply: (is_lim_seq_inv _ p_infty) => //.
  by apply: (is_lim_seq_plus _ _ p_infty 1 p_infty) => //; [exact: is_lim_seq_INR|exact: is_lim_seq_const].
- move=> k; split; first exact/Rlt_le/exp_pos.
  have k0 := pos_INR k; have hy := height_le y.
  rewrite exp_Ropp; apply: Rinv_le_contravar; first lra.
  have := exp_ge1x (INR k * (INR #|T| + 1 - height n y)).
  have := Rmult_le_compat_l _ 1 (INR #|T| + 1 - height n y) k0; lra.
exact: is_lim_seq_const.
Qed.

Lemma approach_limit y : is_lim_seq (fun k => approach k y) (p y).
Proof.
have lim z : is_lim_seq (fun k => q z * lift k z) (p z).
  have e : q z * (p z / q z) = p z by field; have := q_full.1 z; lra.
  rewrite -{1}e; apply: (is_lim_seq_scal_l (fun k => lift k z) (q z) (p z / q z)); exact: lift_limit.
rewrite -[X in is_lim_seq _ (Finite X)]Rdiv_1 -p_policy.2.
by apply: is_lim_seq_div' => //; [exact: limit_of_sum|rewrite p_policy.2; lra].
Qed.

Lemma approach_h k a b : h ref (approach k) a b = h ref q a b + (ln (lift k a) - ln (lift k b)).
Proof.
rewrite /h (delta_normalised _ _ (lifted_pos k)) !ln_mult; try exact: lift_pos; try exact: q_full.1.
by rewrite /delta; lra.
Qed.

Lemma lift_same k a b : same_block n a b -> lift k a = lift k b.
Proof.
move=> ab; rewrite /lift (height_same ab); congr (_ + _).
have := p_fitted ab; have := q_full.1 a; have := q_full.1 b => qb qa e.
apply: (Rmult_eq_reg_r (q a * q b)); last by have := Rmult_lt_0_compat _ _ qa qb; lra.
by field_simplify; lra.
Qed.

Lemma lift_gap k w l : joins_two_blocks n w l -> INR k <= ln (lift k w) - ln (lift k l).
Proof.
move=> [lab no]; have p0 : p l = 0.
  by apply: p_off => source; move/negP: no; apply; apply: source; exact: connect1.
have -> : lift k l = exp (- (INR k * (INR #|T| + 1 - height n l))) by rewrite /lift p0 /Rdiv Rmult_0_l Rplus_0_l.
have : ln (exp (- (INR k * (INR #|T| + 1 - height n w)))) <= ln (lift k w).
  by apply: ln_mono; [exact: exp_pos|have := share_ge0 w; rewrite /lift; lra].
rewrite !ln_exp; have := Rmult_le_compat_l _ _ _ (pos_INR k) (height_falls lab no); lra.
Qed.

Lemma approach_loss : is_lim_seq (fun k => loss (approach k)) v.
Proof.
apply/is_lim_seq_Reals => eps he.
have [K [K0 hK]] := apart (fun _ _ => dpo_label_vanishes beta_pos) n_ge0 (log_ratio ref q) he.
have [N hN] : eventually (fun k => K < INR k).
  exact: (is_lim_seq_INR (fun y => K < y) (ex_intro _ K (fun y hy => hy))).
exists N => k /hN le.
have := inf_v.1 _ (approach_full k); rewrite infimum_value => low.
have ratios a b : log_ratio ref (approach k) a - log_ratio ref (approach k) b =
    log_ratio ref q a - log_ratio ref q b + (ln (lift k a) - ln (lift k b)).
  have := approach_h k a b; rewrite (h_log_ratio ref_full _ _ (approach_full k)) (h_log_ratio ref_full _ _ q_full).
  by rewrite /log_ratio.
have := hK (log_ratio ref (approach k)) => below.
have lt : loss (approach k) < loss_in q + eps.
  rewrite -[loss _]/(pair_loss ref n (fun _ _ => dpo_label beta) _) (total_log_ratio _ _ ref_full (approach_full k)).
  rewrite -[loss_in q]/(pair_loss ref (inside n) (fun _ _ => dpo_label beta) q) (total_log_ratio _ _ ref_full q_full).
  apply: below => w l; first by move=> /(lift_same k) e; rewrite ratios e; lra.
  by move=> /(lift_gap k); rewrite ratios; lra.
by rewrite /R_dist Rabs_right; lra.
Qed.
End ToSequence.
End Limits.

Theorem dpo_limit_set_proved : dpo_limit_set.
Proof.
move=> T ref beta n q v p ref_full hb n_ge0 fits inf_v; split=> [[u [u_full [u_loss u_limit]]]|[pol [off fit]]].
  have loss_lim : is_lim_seq (fun k => dpo_loss ref beta n (u k)) v by apply/is_lim_seq_Reals.
  have lim y : is_lim_seq (fun k => u k y) (p y) by apply/is_lim_seq_Reals.
  split; first exact: (limit_policy u_full lim).
  split=> [y|a b]; first exact: (off_sources ref_full hb n_ge0 fits inf_v u_full loss_lim lim).
  exact: (fitted_proportions ref_full hb n_ge0 fits inf_v u_full loss_lim lim).
exists (approach n q p); split=> [k|]; first exact: (approach_full ref_full fits pol).
split=> [|y]; apply/is_lim_seq_Reals; first exact: (approach_loss ref_full hb n_ge0 fits inf_v pol off fit).
exact: (approach_limit ref_full fits pol).
Qed.
